import Backbones

/// A request under way.
struct DecodingSequence {
  let request: Int
  let need: CacheNeed
  /// The cache's rows of what the prompt shares.
  let shared: [Range<Int>]
  /// Those of its end and, behind it, of the new tokens of its only continuation.
  let own: Range<Int>
  /// Those of each of several continuations' new tokens.
  let branches: [Range<Int>]
  /// Those of answers that are given, for the first pass.
  private(set) var answers: [Range<Int>]
  /// An encoder's states.
  let source: Range<Int>
  private(set) var result: DecodingResult
  private var search: BeamSearch?

  init(
    _ request: Int, _ need: CacheNeed, shared: [Range<Int>], own: Range<Int>, branches: [Range<Int>],
    answers: [Range<Int>], source: Range<Int>, _ options: GenerationOptions
  ) {
    (self.request, self.need, self.shared, self.own) = (request, need, shared, own)
    (self.branches, self.answers, self.source) = (branches, answers, source)
    result = DecodingResult(losses: answers.map { _ in .init() })
    if case .beams(let count, let lengthPenalty) = options.strategy, need.limit > 0 {
      search = BeamSearch(
        slots: 0..<count, maximumCount: need.limit, lengthPenalty: lengthPenalty, endIds: options.endIds)
    }
  }

  /// Rows in the cache.
  var ranges: [Range<Int>] { [own] + branches + answers }

  /// The rows of the prompt's own end.
  var prompt: Range<Int> { own.prefix(need.promptCount) }

  // MARK: Continuations

  /// A continuation that a new token goes on behind: the token, and the rows that it sees.
  typealias Continuation = (token: Int32, shared: [Range<Int>], own: Range<Int>)

  /// Those that go on, behind at least one new token.
  var continuations: [Continuation] {
    guard let search else {
      return [(result.tokens.last!, shared, own.prefix(need.promptCount + result.tokens.count))]
    }
    return search.running.map { beam in
      (beam.tokens.last!, shared + [prompt], branches[beam.slot].prefix(beam.tokens.count))
    }
  }

  /// How many continuations the next pass reads.
  var continuationCount: Int { search?.running.count ?? 1 }

  /// Candidates that a search wants of each beam.
  var candidateCount: Int { search?.candidateCount ?? 0 }

  func logProbability(ofBeam beam: Int) -> Double { search?.running[beam].logProbability ?? 0 }

  /// Takes a new token.
  mutating func append(_ token: Int32) { result.tokens.append(token) }

  /// Takes one token more in each beam, given the candidates of all.
  mutating func advance(_ candidates: [BeamSearch.Candidate], in cache: KeyValueCache) {
    let sorted = candidates.sorted {
      ($1.logProbability, $0.beam, $0.token) < ($0.logProbability, $1.beam, $1.token)
    }
    guard var search else { return }
    for copy in search.advance(Array(sorted.prefix(search.candidateCount))) {
      // The newest token is not read yet.
      let count = search.running[0].tokens.count - 1
      cache.copy(branches[copy.source].prefix(count), to: branches[copy.target].prefix(count))
    }
    if search.running.isEmpty { result.tokens = search.best }
    self.search = search
  }

  /// Whether nothing is to be asked for any more.
  func isFinished(_ options: GenerationOptions) -> Bool {
    if let search { return search.running.isEmpty }
    return result.tokens.count == need.limit || result.tokens.last.map(options.endIds.contains) ?? false
  }

  // MARK: Answers

  mutating func add(_ loss: Double, ofAnswer answer: Int) {
    result.losses[answer].sum += loss
    result.losses[answer].labelCount += 1
  }

  /// Forgets the rows of answers that are given.
  mutating func removeAnswers() { answers = [] }
}
