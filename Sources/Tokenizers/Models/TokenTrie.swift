/// Tokens by their bytes: a trie whose edges are in an open-addressing hash table.
struct TokenTrie: Sendable {
  private struct Edge {
    /// Node and byte; `vacant` where the slot is free.
    var key = TokenTrie.vacant
    var child: Int32 = -1
  }

  private static let vacant = UInt64.max
  static let root: Int32 = 0

  private var edges = [Edge](repeating: Edge(), count: 16)
  /// The id of the token that ends at each node; −1 where none does.
  private var ids: [Int32] = [-1]

  /// The trie of `tokens`, none of them empty; of equal ones the last counts.
  init(_ tokens: [(bytes: [UInt8], id: Int32)]) {
    for token in tokens {
      var node = Self.root
      for byte in token.bytes { node = insertedChild(of: node, byte) }
      ids[Int(node)] = token.id
    }
  }

  /// The node that `byte` leads to, negative if there is none.
  @inline(__always)
  func child(of node: Int32, _ byte: UInt8) -> Int32 { edges[slot(of: Self.key(node, byte))].child }

  /// The token that ends at `node`, negative if none does.
  @inline(__always)
  func id(at node: Int32) -> Int32 { ids[Int(node)] }

  /// The node that `bytes` lead to, negative if there is none.
  func node(of bytes: [UInt8]) -> Int32 {
    bytes.reduce(Self.root) { $0 < 0 ? $0 : child(of: $0, $1) }
  }

  /// The longest token that begins `range` of `bytes` past `start`, a node that the text before leads to.
  func longestMatch(
    _ range: Range<Int>, of bytes: Span<UInt8>, from start: Int32 = TokenTrie.root
  ) -> (id: Int32, end: Int)? {
    var found: (id: Int32, end: Int)?
    var node = start
    for index in range {
      node = child(of: node, bytes[index])
      if node < 0 { break }
      if ids[Int(node)] >= 0 { found = (ids[Int(node)], index + 1) }
    }
    return found
  }

  private mutating func insertedChild(of node: Int32, _ byte: UInt8) -> Int32 {
    let child = child(of: node, byte)
    if child >= 0 { return child }
    // A node but the root has one edge to it: so many are taken.
    if 2 * ids.count > edges.count { grow() }
    let key = Self.key(node, byte)
    let new = Int32(ids.count)
    edges[slot(of: key)] = Edge(key: key, child: new)
    ids.append(-1)
    return new
  }

  private mutating func grow() {
    let old = edges
    edges = Array(repeating: Edge(), count: 2 * old.count)
    for edge in old where edge.key != Self.vacant { edges[slot(of: edge.key)] = edge }
  }

  @inline(__always)
  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
  }

  /// The slot that holds `key`, or the free one where it belongs. At least half of the slots are free.
  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    var index = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (edges.count - 1)
    while edges[index].key != key, edges[index].key != Self.vacant { index = (index + 1) & (edges.count - 1) }
    return index
  }
}
