import Backbones
import Tasks

/// Requests cut into shares, each of which one rank decodes by itself.
///
/// What is computed together depends on the requests and the options alone, not on who computes which share: a share
/// starts with an empty cache, but for the beginnings that reach into it from the share before. Beginnings of several
/// shares are computed in passes of their own and lie where the share would put them, so that it is the same whether a
/// rank has them yet or computes them anew.
final class DecodingJob {
  let generator: Generator
  let requests: [DecodingRequest]
  let options: GenerationOptions
  /// What the prompts have in common.
  let tree: PrefixTree
  let cache: KeyValueCache
  /// Rows of the cache that may be in use, unless a single request needs more.
  let rowLimit: Int
  /// Where the nodes that are computed lie in the cache.
  var places: [Int: Range<Int>] = [:]
  /// The requests, those that begin alike side by side.
  private let order: [Int]
  private let shareSize: Int
  /// The first and the last share with each node.
  private let spans: [ClosedRange<Int>]

  init(_ generator: Generator, _ requests: [DecodingRequest], _ options: GenerationOptions) {
    let shares = options.sharesPrefixes && generator.backbone.architecture == .decoderOnly
    let tree = PrefixTree(requests.map(\.prompt), isShared: shares)
    let order = requests.indices.sorted { (tree.places[$0] ?? .max, $0) < (tree.places[$1] ?? .max, $1) }
    let size = min(max(requests.count / 16, 32), 128)
    var spans = Array(repeating: Int.max...Int.max, count: tree.nodes.count)
    for (position, request) in order.enumerated() {
      for node in tree.path(to: request) {
        spans[node] = min(spans[node].lowerBound, position / size)...position / size
      }
    }
    (self.generator, self.requests, self.options, self.tree) = (generator, requests, options, tree)
    (self.order, self.spans, shareSize) = (order, spans, size)
    rowLimit = generator.cacheByteCount / generator.backbone.cacheRowByteCount
    let needs = requests.indices.map { request in
      requests[request].prompt.tokens.count
        + CacheNeed(requests[request], behind: 0, generator, options).rowCount
    }
    cache = generator.backbone.makeCache(rowCount: max(needs.max() ?? 0, min(needs.reduce(0, +), rowLimit)))
  }

  var shareCount: Int { (order.count + shareSize - 1) / shareSize }

  /// Does a share's requests; all of them, unless the job was asked to stop meanwhile.
  func run(_ share: Int) -> [(request: Int, result: DecodingResult)] {
    let own = order[share * shareSize..<min((share + 1) * shareSize, order.count)]
    let kept = path(to: own.first!).prefix { places[$0] != nil }
    places = Dictionary(uniqueKeysWithValues: zip(kept, cache.keepOnly(kept.map { places[$0]! })))
    _ = cache.source?.keepOnly([])
    return DecodingShare(self, own, number: share).run()
  }

  /// A request's nodes, each behind what it begins with.
  func path(to request: Int) -> [Int] { tree.path(to: request).reversed() }

  /// Whether several shares need a node.
  func isOfSeveralShares(_ node: Int) -> Bool { spans[node].count > 1 }

  /// Whether a later share than this one needs a node.
  func isNeeded(_ node: Int, after share: Int) -> Bool { spans[node].upperBound > share }

  /// A node's tokens.
  func tokens(of node: Int) -> ArraySlice<Int32> {
    let (positions, sequences) = (tree.nodes[node].positions, tree.nodes[node].sequences)
    return requests[sequences[0]].prompt.tokens[positions]
  }

  /// The rows in use.
  var usedCount: Int { cache.usedCount + (cache.source?.usedCount ?? 0) }
}

/// The rows of a cache that a request takes for itself.
struct CacheNeed {
  /// New tokens at most.
  let limit: Int
  /// Of the prompt behind what it shares, or of the decoder's start token.
  let promptCount: Int
  /// Of the prompt and, behind it, the new tokens of its only continuation: the last one is never read.
  let ownCount: Int
  /// Of each of several continuations.
  let branches: [Int]
  /// Of each answer that is given.
  let answers: [Int]
  /// Of an encoder's states.
  let sourceCount: Int

  /// - Parameter shared: How many of the prompt's tokens others have too.
  init(_ request: DecodingRequest, behind shared: Int, _ generator: Generator, _ options: GenerationOptions) {
    let limit = request.isContinued ? generator.limit(request.prompt, options) : 0
    let isRead = limit > 0 || request.answers.contains { $0.labels.contains { $0 >= 0 } }
    let isOneSequence = generator.backbone.architecture == .decoderOnly, beamCount = options.beamCount
    let promptCount = !isRead ? 0 : isOneSequence ? request.prompt.tokens.count - shared : 1
    let newCount = max(limit - 1, 0)
    (self.limit, self.promptCount) = (limit, promptCount)
    ownCount = promptCount + (beamCount == nil ? newCount : 0)
    branches = Array(repeating: newCount, count: limit > 0 ? beamCount ?? 0 : 0)
    answers = request.answers.map(\.readCount)
    sourceCount = isRead && !isOneSequence ? request.prompt.tokens.count : 0
  }

  /// Whether there is anything to compute.
  var isEmpty: Bool { ownCount == 0 && answers.allSatisfy { $0 == 0 } }
  var rowCount: Int { ownCount + branches.reduce(0, +) + answers.reduce(0, +) + sourceCount }
  /// Rows that the request's first pass computes.
  var firstCount: Int { promptCount + answers.reduce(0, +) + sourceCount }
}

extension PrefixTree {
  /// What prompts have in common, but for the last token of each: what is read there is the prompt's own.
  ///
  /// - Parameter isShared: Whether anything may be.
  init(_ prompts: [GenerationPrompt], isShared: Bool) {
    self.init(
      prompts.map { prompt in
        let shareableCount = isShared ? max(prompt.tokens.count - 1, 0) : 0
        return Sequence(route: prompt.route, tokens: prompt.tokens[...], shareableCount: shareableCount)
      })
  }
}
