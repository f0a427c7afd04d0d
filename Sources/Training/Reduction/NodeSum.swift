import MessagePassing
import Tensors

/// Memory that the ranks of a node share to add up: an area for each partial sum of each, and one for the result.
final class NodeSum {
  /// The nodes of the tree that the ranks together have the sum of.
  let nodes: [ReductionTree.Node]
  private let tree: ReductionTree
  private let precision: Precision
  private let communicator: Communicator
  /// The area of each partial sum; the result's comes after the last.
  private let places: [ReductionTree.Node: Int]
  private var window: SharedWindow?
  /// Numbers of an area.
  private(set) var capacity = 0

  /// - Parameters:
  ///   - ranks: Of the tree, those of this node.
  ///   - communicator: The same ranks, left alone by others.
  init(_ tree: ReductionTree, ranks: Range<Int>, precision: Precision, _ communicator: Communicator) {
    (self.tree, self.precision, self.communicator) = (tree, precision, communicator)
    nodes = tree.nodes(of: ranks)
    places = Dictionary(uniqueKeysWithValues: ranks.flatMap { tree.nodes(of: $0) }.enumerated().map { ($1, $0) })
  }

  /// Makes room; what the areas held is lost. Collective over the node.
  ///
  /// - Parameter count: Numbers of an area.
  /// - Returns: Whether there was room; nothing is held where there was none.
  func reserve(_ count: Int) throws -> Bool {
    try free()
    // Each area begins a page, which lies with the rank that writes it.
    let page = 4096 / MemoryLayout<Float>.stride
    let rounded = (count + page - 1) / page * page
    do {
      window = try SharedWindow(byteCount: (places.count + 1) * rounded * MemoryLayout<Float>.stride, on: communicator)
      capacity = rounded
      return true
    } catch MPIError.sharedMemory {
      return false
    }
  }

  /// Releases the memory. Collective over the node.
  func free() throws {
    try window?.free()
    (window, capacity) = (nil, 0)
  }

  private func area(_ place: Int) -> UnsafeMutablePointer<Float> {
    guard let base = window?.bytes.baseAddress else { preconditionFailure("no memory is shared") }
    return base.assumingMemoryBound(to: Float.self) + place * capacity
  }

  /// The area of a rank's partial sum.
  func sum(of node: ReductionTree.Node) -> UnsafeMutablePointer<Float> {
    guard let place = places[node] else { preconditionFailure("\(node) is no rank's of this node") }
    return area(place)
  }

  /// The area of the result.
  var result: UnsafeMutablePointer<Float> { area(places.count) }

  /// Adds up the numbers of `piece` in tree order, in the memory of the partial sums; no other rank does the same piece.
  ///
  /// - Returns: Where the sums of ``nodes`` lie, from the piece's first number on.
  func add(_ piece: Range<Int>) -> [UnsafeMutablePointer<Float>] {
    nodes.map { node in
      tree.add(node, count: piece.count, roundedTo: precision) { known in
        places[known].map { area($0) + piece.lowerBound }
      }
    }
  }

  // MARK: Synchronization

  /// Makes what any rank wrote before visible to all ranks after. Collective over the node, and blocking.
  func synchronize() throws { try window?.synchronize() }
  /// The same without waiting: what was written before is there once the request is complete and ``settle()`` called.
  func startSynchronization() throws -> Request {
    try settle()
    return try communicator.startBarrier()
  }
  func settle() throws { try window?.settle() }
}
