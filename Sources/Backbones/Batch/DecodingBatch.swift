/// New tokens of sequences whose keys and values a cache holds, many sequences side by side: prompts, what several of
/// them begin with, a token more of each, answers that are given.
///
/// What a segment sees may be computed in the same pass: each layer writes all keys before any is read.
public struct DecodingBatch {
  /// Token ids, all segments one after another; the decoder's in an encoder-decoder model.
  public private(set) var tokens: [Int32] = []
  /// Their rows. A segment's keys are rows of the cache.
  public private(set) var rows = Rows()
  /// Where in the cache each segment's keys and values go.
  private(set) var places: [Range<Int>] = []
  /// What each segment sees in ``KeyValueCache/source``.
  private(set) var sources: [KeyRanges] = []
  /// The encoder's token ids, those of all new sources one after another.
  public private(set) var sourceTokens: [Int32] = []
  /// Their rows.
  public private(set) var sourceRows = Rows()
  /// Where in ``KeyValueCache/source`` each of them goes.
  private(set) var sourcePlaces: [Range<Int>] = []
  /// The tokens whose output is read, and their rows.
  private(set) var readIndices: [Int32] = []
  public private(set) var readRows = Rows()

  public init() {}

  /// Tokens of both streams.
  public var totalTokenCount: Int { tokens.count + sourceTokens.count }
  public var readCount: Int { readIndices.count }

  /// Adds tokens behind those of their sequence that the cache holds, or that this batch computes.
  ///
  /// - Parameters:
  ///   - shared: The sequence's first rows in the cache, which others may have too.
  ///   - own: The rows behind them, up to the last new token's: the tokens' keys and values go into the last of these.
  ///   - source: The rows in ``KeyValueCache/source`` that it sees.
  ///   - read: Which of the tokens' outputs are read, in rising order.
  public mutating func append(
    _ newTokens: some Collection<Int32>, behind shared: [Range<Int>], own: Range<Int>, source: Range<Int> = 0..<0,
    route: Int, reading read: some Sequence<Int>
  ) {
    let count = newTokens.count, keys = KeyRanges(shared + [own])
    precondition(count > 0 && count <= own.count, "\(count) new tokens, \(own.count) rows of their own")
    let segment = Rows.Segment(example: rows.segments.count, route: route, ordinal: 0, keys: keys)
    let first = Int32(keys.count - count)
    var readPositions: [Int32] = []
    for place in read {
      readIndices.append(Int32(tokens.count + place))
      readPositions.append(first + Int32(place))
    }
    if !readPositions.isEmpty { readRows.append(positions: readPositions, segment) }
    tokens.append(contentsOf: newTokens)
    rows.append(positions: first..<first + Int32(count), segment)
    places.append(own.suffix(count))
    sources.append(KeyRanges([source]))
  }

  /// Adds a source, which decoder segments of this batch and of later ones see.
  ///
  /// - Parameter place: Where in ``KeyValueCache/source`` it goes; as many rows as tokens.
  public mutating func appendSource(_ newTokens: some Collection<Int32>, to place: Range<Int>, route: Int) {
    precondition(newTokens.count == place.count, "\(newTokens.count) tokens, \(place.count) rows")
    guard !newTokens.isEmpty else { return }
    let segment = Rows.Segment(example: sourceRows.segments.count, route: route, ordinal: 0)
    sourceTokens.append(contentsOf: newTokens)
    sourceRows.append(positions: 0..<Int32(newTokens.count), segment)
    sourcePlaces.append(place)
  }
}
