import Foundation

/// The beams of one prompt, as Hugging Face's beam search keeps them (without early stopping).
///
///     score = Σ log p(token) / length^penalty        over the new tokens, the end token included
///
/// It knows tokens, scores and numbered places of continuations, and no model.
struct BeamSearch {
  /// A continuation that may go on.
  struct Beam: Equatable {
    var tokens: [Int32]
    /// Σ log p of its tokens.
    var logProbability: Double
    /// Its place: where the keys and values of its tokens lie.
    var slot: Int
  }

  /// A beam, a token that may follow it, and Σ log p of both.
  struct Candidate: Equatable {
    let beam: Int
    let token: Int32
    let logProbability: Double
  }

  /// A place whose tokens' keys and values must be copied to another before the next step.
  struct Copy: Equatable {
    let source: Int
    let target: Int
  }

  /// The beams that go on, the best first; empty when the search is over.
  private(set) var running: [Beam]
  /// Finished continuations and their scores, the best first.
  private var finished: [(tokens: [Int32], score: Double)] = []
  private let slots: Range<Int>
  private let maximumCount: Int
  private let lengthPenalty: Double
  private let endIds: Set<Int32>

  /// - Parameters:
  ///   - slots: Places, one a beam; the first is that of the prompt's own continuation.
  ///   - maximumCount: New tokens at most, at least 1.
  init(slots: Range<Int>, maximumCount: Int, lengthPenalty: Double, endIds: Set<Int32>) {
    (self.slots, self.maximumCount, self.lengthPenalty, self.endIds) = (slots, maximumCount, lengthPenalty, endIds)
    running = [Beam(tokens: [], logProbability: 0, slot: slots.lowerBound)]
  }

  private var beamCount: Int { slots.count }

  /// How many candidates ``advance(_:)`` wants: enough that as many beams as before go on if all the others end.
  var candidateCount: Int { max(2, 1 + endIds.count) * beamCount }

  /// The best finished continuation.
  var best: [Int32] { finished.first?.tokens ?? [] }

  /// Takes one token more, given the ``candidateCount`` best candidates, the best first.
  mutating func advance(_ candidates: [Candidate]) -> [Copy] {
    let length = (running.first?.tokens.count ?? 0) + 1
    let isLast = length == maximumCount
    for (place, candidate) in candidates.enumerated() where isLast || endIds.contains(candidate.token) {
      // Candidates behind the first beamCount are there to go on, not to end.
      guard place < beamCount else { break }
      finish(running[candidate.beam].tokens + [candidate.token], candidate.logProbability, length: length)
    }
    let goingOn = isLast ? [] : candidates.filter { !endIds.contains($0.token) }.prefix(beamCount)
    guard let first = goingOn.first, canImprove(first.logProbability, length: length) else {
      running = []
      return []
    }
    return go(on: goingOn)
  }

  private mutating func finish(_ tokens: [Int32], _ logProbability: Double, length: Int) {
    let score = logProbability / pow(Double(length), lengthPenalty)
    let place = finished.firstIndex { $0.score < score } ?? finished.count
    finished.insert((tokens, score), at: place)
    finished = Array(finished.prefix(beamCount))
  }

  /// Whether the best running beam, scored at its present length, beats the worst of the finished ones.
  private func canImprove(_ logProbability: Double, length: Int) -> Bool {
    guard finished.count == beamCount, let worst = finished.last else { return true }
    return logProbability / pow(Double(length), lengthPenalty) > worst.score
  }

  /// Sets the running beams. A beam's first successor keeps its slot; the others get the slots of beams without one.
  private mutating func go(on candidates: some Collection<Candidate>) -> [Copy] {
    var free = Set(slots).subtracting(candidates.map { running[$0.beam].slot }).sorted()
    var kept: Set<Int> = []
    var copies: [Copy] = []
    running = candidates.map { candidate in
      var beam = running[candidate.beam]
      beam.tokens.append(candidate.token)
      beam.logProbability = candidate.logProbability
      if !kept.insert(beam.slot).inserted {
        copies.append(Copy(source: beam.slot, target: free.removeFirst()))
        beam.slot = copies[copies.count - 1].target
      }
      return beam
    }
    return copies
  }
}
