import Backbones
import Tensors

/// One share of a job's requests, decoded side by side: those that are done leave, waiting ones enter, in the order of
/// the share, and a pass computes the new ones' prompts beside one token more of each of the others.
final class DecodingShare {
  private let job: DecodingJob
  private let number: Int
  private var waiting: ArraySlice<Int>
  private var running: [DecodingSequence] = []
  /// How many of the share's requests still need each node.
  private var readers: [Int: Int] = [:]
  private var results: [(request: Int, result: DecodingResult)] = []
  /// The pass that is being put together, and what is wanted of the rows that it reads.
  private var batch = DecodingBatch()
  private var reads: [Read] = []

  /// Rows that a pass computes at most, unless a single request has more: bounds the memory of activations.
  private static let rowsPerPass = 4096

  /// What is wanted of a row's logits.
  private struct Read {
    /// Its sequence's place among the running ones.
    let sequence: Int
    /// The continuation that goes on here; nil: none.
    var beam: Int?
    /// Labels whose losses are wanted.
    var labels: [(answer: Int, label: Int32)] = []
  }

  init(_ job: DecodingJob, _ requests: ArraySlice<Int>, number: Int) {
    (self.job, waiting, self.number) = (job, requests, number)
    for request in requests { for node in job.path(to: request) { readers[node, default: 0] += 1 } }
  }

  private var cache: KeyValueCache { job.cache }

  func run() -> [(request: Int, result: DecodingResult)] {
    while !(waiting.isEmpty && running.isEmpty), !StopSignal.isSet {
      (batch, reads) = (DecodingBatch(), [])
      for place in running.indices { goOn(place) }
      enter()
      if !reads.isEmpty { compute() }
      leave()
    }
    return results
  }

  // MARK: Putting a pass together

  private func goOn(_ place: Int) {
    let sequence = running[place], route = job.requests[sequence.request].prompt.route
    for (beam, (token, shared, own)) in sequence.continuations.enumerated() {
      batch.append([token], behind: shared, own: own, source: sequence.source, route: route, reading: [0])
      reads.append(Read(sequence: place, beam: beam))
    }
  }

  /// Lets requests enter while there is room.
  private func enter() {
    var hasEntered = false
    while let request = waiting.first, running.count < job.options.promptCount {
      let path = job.path(to: request), shared = path.last.map { job.tree.nodes[$0].positions.upperBound } ?? 0
      let need = CacheNeed(job.requests[request], behind: shared, job.generator, job.options)
      guard !need.isEmpty else {
        waiting.removeFirst()
        results.append((request, DecodingResult(losses: need.answers.map { _ in .init() })))
        release(path)
        continue
      }
      let missing = path.filter { job.places[$0] == nil && !job.isOfSeveralShares($0) }
      let count = missing.reduce(need.firstCount) { $0 + job.tree.nodes[$1].positions.count }
      guard !hasEntered || batch.totalTokenCount + count <= Self.rowsPerPass, let sequence = take(request, need, path)
      else { return }
      waiting.removeFirst()
      running.append(sequence)
      read(running.count - 1)
      hasEntered = true
    }
  }

  /// Takes a request's rows, and computes what it begins with or puts it into the pass; nil: there is no room yet.
  private func take(_ request: Int, _ need: CacheNeed, _ path: [Int]) -> DecodingSequence? {
    let missing = path.filter { job.places[$0] == nil }
    let count = missing.reduce(need.rowCount) { $0 + job.tree.nodes[$1].positions.count }
    guard running.isEmpty || job.usedCount + count <= job.rowLimit else { return nil }
    let counts = missing.map { job.tree.nodes[$0].positions.count } + [need.ownCount] + need.branches + need.answers
    guard let (ranges, source) = take(counts, source: need.sourceCount) else {
      precondition(!running.isEmpty || !job.places.isEmpty, "a request of \(count) rows, a cache of \(cache.rowCount)")
      guard running.isEmpty else { return nil }
      // What lies in the way of the only one is computed again.
      _ = cache.keepOnly([])
      job.places = [:]
      return take(request, need, path)
    }
    for (node, range) in zip(missing, ranges) { compute(node, into: range) }
    let own = ranges.dropFirst(missing.count), branches = own.dropFirst().prefix(need.branches.count)
    return DecodingSequence(
      request, need, shared: path.map { job.places[$0]! }, own: own.first!, branches: Array(branches),
      answers: Array(own.dropFirst(1 + branches.count)), source: source, job.options)
  }

  /// Ranges of some lengths, and one for a source; nil: there is no room for all of them.
  private func take(_ counts: [Int], source sourceCount: Int) -> (ranges: [Range<Int>], source: Range<Int>)? {
    guard let source = cache.source.map({ $0.take(sourceCount) }) ?? (0..<0) else { return nil }
    var taken: [Range<Int>] = []
    for count in counts {
      guard let range = cache.take(count) else {
        taken.forEach(cache.giveBack)
        cache.source?.giveBack(source)
        return nil
      }
      taken.append(range)
    }
    return (taken, source)
  }

  /// Computes a node's rows: in a pass of their own if other shares need them too.
  private func compute(_ node: Int, into rows: Range<Int>) {
    let own = job.tree.nodes[node], route = job.requests[own.sequences[0]].prompt.route
    var parents: [Range<Int>] = [], parent = own.parent
    while let node = parent {
      parents.insert(job.places[node]!, at: 0)
      parent = job.tree.nodes[node].parent
    }
    job.places[node] = rows
    guard job.isOfSeveralShares(node) else {
      return batch.append(job.tokens(of: node), behind: parents, own: rows, route: route, reading: [])
    }
    var alone = DecodingBatch()
    alone.append(job.tokens(of: node), behind: parents, own: rows, route: route, reading: [rows.count - 1])
    job.generator.run(alone, cache) { _, _ in }
  }

  /// Puts a new sequence's prompt and answers into the pass.
  private func read(_ place: Int) {
    let sequence = running[place], request = job.requests[sequence.request], prompt = request.prompt
    var last = Read(sequence: place, beam: sequence.need.limit > 0 ? 0 : nil)
    if sequence.need.promptCount > 0 {
      for (answer, given) in request.answers.enumerated() {
        if let label = given.labels.first, label >= 0 { last.labels.append((answer, label)) }
      }
      let isRead = last.beam != nil || !last.labels.isEmpty, tokens: ArraySlice<Int32>
      if case .encoderDecoder(let special) = job.generator.backbone.architecture {
        batch.appendSource(prompt.tokens, to: sequence.source, route: prompt.route)
        tokens = [special.start]
      } else {
        tokens = prompt.tokens.suffix(sequence.need.promptCount)
      }
      batch.append(
        tokens, behind: sequence.shared, own: sequence.prompt, source: sequence.source, route: prompt.route,
        reading: isRead ? [tokens.count - 1] : [])
      if isRead { reads.append(last) }
    }
    for (answer, (given, rows)) in zip(request.answers, sequence.answers).enumerated() where !rows.isEmpty {
      let labelled = rows.indices.map { $0 - rows.lowerBound }.filter { given.labels[$0 + 1] >= 0 }
      batch.append(
        given.tokens.prefix(rows.count), behind: sequence.shared + [sequence.prompt], own: rows,
        source: sequence.source, route: prompt.route, reading: labelled)
      for row in labelled { reads.append(Read(sequence: place, labels: [(answer, given.labels[row + 1])])) }
    }
  }

  // MARK: Reading it

  /// What comes of a row.
  private struct Outcome {
    var token: Int32?
    var candidates: [BeamSearch.Candidate] = []
    var losses: [Double] = []
  }

  private func compute() {
    var outcomes: [Outcome] = []
    job.generator.run(batch, cache) { outcomes += self.outcomes($0, reads[$1]) }
    var candidates: [Int: [BeamSearch.Candidate]] = [:]
    for (read, outcome) in zip(reads, outcomes) {
      for ((answer, _), loss) in zip(read.labels, outcome.losses) { running[read.sequence].add(loss, ofAnswer: answer) }
      if let token = outcome.token { running[read.sequence].append(token) }
      candidates[read.sequence, default: []] += outcome.candidates
    }
    for (place, found) in candidates where !found.isEmpty { running[place].advance(found, in: cache) }
  }

  private func outcomes(_ logits: Matrix, _ reads: ArraySlice<Read>) -> [Outcome] {
    // log Σ exp of each row where it is needed: its cross-entropy for class 0, plus that class's logit.
    var losses = Array(repeating: 0.0, count: logits.rows)
    if job.options.beamCount != nil || reads.contains(where: { !$0.labels.isEmpty }) {
      let first = reads.map { $0.labels.first?.label ?? 0 }
      losses.withUnsafeMutableBufferPointer { logits.crossEntropies(first[...], into: $0) }
    }
    return Threads.map(logits.rows, work: logits.count) { row in
      let read = reads[reads.startIndex + row], values = UnsafeBufferPointer(logits.rows(row..<row + 1).elements)
      let first = read.labels.first?.label ?? 0, logSumExp = losses[row] + Double(values[Int(first)])
      var outcome = Outcome()
      outcome.losses = read.labels.map { $0.label == first ? losses[row] : logSumExp - Double(values[Int($0.label)]) }
      if let beam = read.beam { choose(values, logSumExp, running[read.sequence], beam, &outcome) }
      return outcome
    }
  }

  private func choose(
    _ logits: UnsafeBufferPointer<Float>, _ logSumExp: Double, _ sequence: DecodingSequence, _ beam: Int,
    _ outcome: inout Outcome
  ) {
    switch job.options.strategy {
    case .greedy: outcome.token = Int32(logits.largestIndex)
    case .sampling(let sampler):
      outcome.token = sampler.token(
        logits: logits, ordinal: job.requests[sequence.request].prompt.ordinal, position: sequence.result.tokens.count)
    case .beams:
      let count = min(sequence.candidateCount, logits.count), before = sequence.logProbability(ofBeam: beam)
      outcome.candidates = LargestElements.indices(of: logits, count: count).map { token in
        .init(beam: beam, token: Int32(token), logProbability: before + Double(logits[token]) - logSumExp)
      }
    }
  }

  // MARK: Leaving

  private func leave() {
    for place in running.indices {
      running[place].answers.forEach(cache.giveBack)
      running[place].removeAnswers()
    }
    for sequence in running where sequence.isFinished(job.options) {
      sequence.ranges.forEach(cache.giveBack)
      cache.source?.giveBack(sequence.source)
      release(job.path(to: sequence.request))
      results.append((sequence.request, sequence.result))
    }
    running.removeAll { $0.isFinished(job.options) }
  }

  /// Counts a request as done at its nodes; those that nobody needs any more go.
  private func release(_ path: [Int]) {
    for node in path {
      readers[node]! -= 1
      guard readers[node] == 0, !job.isNeeded(node, after: number), let rows = job.places[node] else { continue }
      cache.giveBack(rows)
      job.places[node] = nil
    }
  }
}
