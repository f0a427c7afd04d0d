/// The unigram language model (Kudo 2018): of all ways to cut a word into tokens the one of the highest total score.
struct UnigramModel: SubwordModel {
  /// A token and its log probability.
  struct Entry {
    let token: String
    let score: Double
    /// Whether text may become this token.
    var isFound = true
  }

  /// How far below the lowest score an unknown scalar is, as in SentencePiece.
  private static let unknownPenalty = 10.0

  let vocabulary: Vocabulary
  private let scores: [Double]
  private let unknownId: Int32
  private let unknownScore: Double
  /// The token of each byte, if unknown text is spelled by them and there are all.
  private let byteIds: [Int32]?
  private let trie: TokenTrie
  /// Whether scores are added in 32 bits, as SentencePiece does, not in 64, as Hugging Face does.
  private let addsInSinglePrecision: Bool

  /// Reads `model`.
  init(_ field: JSONField) throws(TokenizerError) {
    var entries: [Entry] = []
    for element in try field["vocab"].elements() {
      guard case .array(let pair) = element.value, pair.count == 2, case .string(let token) = pair[0],
        let score = pair[1].number
      else { throw element.problem("must be a token and its score, but is \(element.value.kind)") }
      entries.append(Entry(token: token, score: score))
    }
    let unknown = field["unk_id"]
    if unknown.isNull { throw unknown.unsupported("null", supported: "the id of a token") }
    let id = try unknown.tokenId()
    guard Int(id) < entries.count else { throw unknown.problem("is \(id), but there are \(entries.count) tokens") }
    try self.init(
      entries, unknownId: id, fallsBackToBytes: field["byte_fallback"].flag(default: false),
      vocabulary: Vocabulary(entries.map(\.token), field["vocab"]))
  }

  /// A model of tokens in the order of their ids.
  ///
  /// - Parameter lowestScore: What the score of unknown scalars is taken from; by default the tokens' lowest.
  init(
    _ entries: [Entry], unknownId: Int32, fallsBackToBytes: Bool, vocabulary: Vocabulary, lowestScore: Double? = nil,
    addsInSinglePrecision: Bool = false
  ) {
    self.vocabulary = vocabulary
    self.unknownId = unknownId
    self.addsInSinglePrecision = addsInSinglePrecision
    scores = entries.map(\.score)
    let unknownScore = (lowestScore ?? entries.map(\.score).min() ?? 0) - Self.unknownPenalty
    self.unknownScore = addsInSinglePrecision ? Double(Float(unknownScore)) : unknownScore
    let byteIds = ByteTokens.ids(in: vocabulary)
    self.byteIds = fallsBackToBytes ? byteIds : nil
    trie = TokenTrie(
      entries.indices.filter { entries[$0].isFound && !entries[$0].token.isEmpty }
        .map { (Array(entries[$0].token.utf8), Int32($0)) })
  }

  func append(_ range: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout ModelWorkspace) {
    findBestPath(range, of: bytes, in: &workspace.path)
    let start = ids.count
    // Unknown tokens that follow each other are one.
    var unknown: Range<Int>?
    workspace.path.forEachBackward { id, token in
      if id == unknownId {
        unknown = token.lowerBound..<(unknown?.upperBound ?? token.upperBound)
        return
      }
      if let run = unknown { appendUnknown(run, from: range.lowerBound, of: bytes, to: &ids) }
      unknown = nil
      ids.append(id)
    }
    if let run = unknown { appendUnknown(run, from: range.lowerBound, of: bytes, to: &ids) }
    ids[start...].reverse()
  }

  private func findBestPath(_ range: Range<Int>, of bytes: Span<UInt8>, in path: inout BestPath) {
    path.begin(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let place = index - range.lowerBound
      let score = path.score(at: place)
      let byteCount = bytes.scalar(at: index).byteCount
      var isKnown = false
      var node = TokenTrie.root
      var end = index
      while end < range.upperBound {
        node = trie.child(of: node, bytes[end])
        if node < 0 { break }
        end += 1
        let id = trie.id(at: node)
        if id < 0 { continue }
        path.offer(id, from: place, to: end - range.lowerBound, score: sum(score, scores[Int(id)]))
        if end == index + byteCount { isKnown = true }
      }
      if !isKnown { path.offer(unknownId, from: place, to: place + byteCount, score: sum(score, unknownScore)) }
      index += byteCount
    }
  }

  @inline(__always)
  private func sum(_ score: Double, _ addend: Double) -> Double {
    addsInSinglePrecision ? Double(Float(score + addend)) : score + addend
  }

  /// Appends the ids of unknown text backward: its own where it happens to be a token, else its bytes', else the
  /// unknown.
  private func appendUnknown(_ run: Range<Int>, from base: Int, of bytes: Span<UInt8>, to ids: inout [Int32]) {
    let run = run.lowerBound + base..<run.upperBound + base
    if let match = trie.longestMatch(run, of: bytes), match.end == run.upperBound {
      ids.append(match.id)
    } else if let byteIds, !run.contains(where: { byteIds[Int(bytes[$0])] < 0 }) {
      for index in run.reversed() { ids.append(byteIds[Int(bytes[index])]) }
    } else {
      ids.append(unknownId)
    }
  }
}
