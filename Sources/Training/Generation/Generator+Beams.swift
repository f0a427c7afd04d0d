import Backbones
import Tensors

extension Generator {
  /// Beam search over all prompts side by side; prompt i's beams have the slots i · beamCount and on.
  func searchBeams(
    _ prompts: [GenerationPrompt], _ options: GenerationOptions, beamCount: Int, lengthPenalty: Double
  ) -> [[Int32]] {
    var active = prompts.indices.filter { limit(prompts[$0], options) > 0 }
    var searches = prompts.indices.map { index in
      BeamSearch(
        slots: index * beamCount..<(index + 1) * beamCount, maximumCount: limit(prompts[index], options),
        lengthPenalty: lengthPenalty, endIds: options.endIds)
    }
    guard !active.isEmpty else { return searches.map(\.best) }
    let cache = makeCache(prompts, slotsPerPrompt: beamCount, options)
    func advance(_ logits: Matrix) {
      let logNormalizers = Self.logSumExp(logits)
      var start = 0
      for index in active {
        let rows = start..<start + searches[index].running.count
        start = rows.upperBound
        let candidates = Self.candidates(logits, logNormalizers, rows, of: searches[index])
        for copy in searches[index].advance(candidates) { cache.copy(copy.source, to: copy.target) }
      }
    }
    withLogits(
      prefilling: active.map { prompts[$0] }, cache, slots: active.map { searches[$0].running[0].slot }, advance)
    while true {
      active = active.filter { !searches[$0].running.isEmpty }
      guard !active.isEmpty else { return searches.map(\.best) }
      let beams = active.flatMap { index in searches[index].running.map { (beam: $0, route: prompts[index].route) } }
      withLogits(
        after: beams.map { $0.beam.tokens.last! }, routes: beams.map(\.route), cache, slots: beams.map(\.beam.slot),
        advance)
    }
  }

  /// The best candidates of one prompt's beams, whose logits are `rows`.
  private static func candidates(
    _ logits: Matrix, _ logNormalizers: [Double], _ rows: Range<Int>, of search: BeamSearch
  ) -> [BeamSearch.Candidate] {
    let all = Threads.map(rows.count, work: rows.count * logits.columns) { beam in
      let row = rows.lowerBound + beam, values = Self.row(row, of: logits)
      return LargestElements.indices(of: values, count: min(search.candidateCount, values.count)).map { token in
        BeamSearch.Candidate(
          beam: beam, token: Int32(token),
          logProbability: search.running[beam].logProbability + Double(values[token]) - logNormalizers[row])
      }
    }
    let sorted = all.joined().sorted {
      ($1.logProbability, $0.beam, $0.token) < ($0.logProbability, $1.beam, $1.token)
    }
    return Array(sorted.prefix(search.candidateCount))
  }

  /// log Σ exp of each row: its cross-entropy for class 0, plus that class's logit.
  private static func logSumExp(_ logits: Matrix) -> [Double] {
    var losses = Array(repeating: 0.0, count: logits.rows)
    losses.withUnsafeMutableBufferPointer {
      logits.crossEntropies(Array(repeating: 0, count: logits.rows)[...], into: $0)
    }
    return losses.indices.map { losses[$0] + Double(logits[$0, 0]) }
  }
}
