import Adapters
import Backbones

/// Sends the buckets of a step off while the rest of the last part's backward pass computes.
///
/// Open MPI moves what is under way inside its own calls alone, so every completed part of a stack is an occasion for
/// one.
final class BucketDeparture {
  private let reduction: any GradientReduction
  private let cutting: BucketCutting
  private let phases: PhaseTimer
  private var cut = BucketCutting.Cut()
  private var sentCount = 0
  /// What went wrong in the backward pass, which cannot throw.
  private var failure: (any Error)?

  init(_ reduction: any GradientReduction, _ cutting: BucketCutting, phases: PhaseTimer) {
    (self.reduction, self.cutting, self.phases) = (reduction, cutting, phases)
  }

  /// Starts a step's reduction.
  func begin(_ touched: [Range<Int>]) throws {
    cut = cutting.cut(touched)
    sentCount = 0
    try reduction.begin(cut.buckets)
  }

  /// Takes note that the last part adds nothing more to the gradients of these maps.
  func complete(_ maps: [Linear]) {
    for map in maps {
      guard let place = cut.places[ObjectIdentifier(map)], place < cut.mapCounts.count else { continue }
      cut.mapCounts[place] -= 1
    }
    guard failure == nil else { return }
    do {
      try phases.measure(.reduction) {
        while sentCount < cut.mapCounts.count, cut.mapCounts[sentCount] == 0 {
          try reduction.sendBucket()
          sentCount += 1
        }
        try reduction.progress()
      }
    } catch {
      failure = error
    }
  }

  /// Throws what went wrong on the way.
  func check() throws { if let failure { throw failure } }
}
