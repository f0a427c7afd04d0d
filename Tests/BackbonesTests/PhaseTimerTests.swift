import Testing

@testable import Backbones

struct PhaseTimerTests {
  /// A timer whose clock stands still but for `pass`.
  private final class Hands {
    private var instant = ContinuousClock.now
    private(set) lazy var timer = PhaseTimer { [unowned self] in instant }

    func pass(_ seconds: Int) { instant += .seconds(seconds) }

    var seconds: [String: Double] {
      Dictionary(uniqueKeysWithValues: timer.seconds.filter { $0.seconds > 0 }.map { ($0.name, $0.seconds) })
    }
  }

  @Test func aPhaseWithinAnotherInterruptsIt() {
    let hands = Hands(), timer = hands.timer
    timer.measure(.other) {
      hands.pass(1)
      timer.measure(.adapter) {
        hands.pass(2)
        timer.measure(.linear) { hands.pass(4) }
        hands.pass(8)
      }
      timer.measure(.linear) { hands.pass(16) }
    }
    #expect(hands.seconds == ["other": 1, "adapter": 10, "linear": 20])
    #expect(timer.totalSeconds == 31)
  }

  @Test func theBackwardPassOfTheLayersCountsApart() {
    let hands = Hands(), timer = hands.timer
    timer.measure(.head) {
      hands.pass(1)
      timer.backward { hands.pass(2) }
    }
    timer.measure(.norms) {
      timer.backward {
        hands.pass(4)
        timer.measure(.attention) { hands.pass(8) }
        timer.measure(.reduction) { hands.pass(16) }
      }
    }
    #expect(
      hands.seconds == [
        "head": 1, "head_backward": 2, "norms_and_activations_backward": 4, "attention_backward": 8, "reduction": 16,
      ])
  }

  @Test func betweenStepsNothingIsMeasured() {
    let hands = Hands(), timer = hands.timer
    timer.measure(.plan) { hands.pass(1) }
    hands.pass(2)
    #expect(timer.totalSeconds == 1)
    timer.reset()
    #expect(timer.totalSeconds == 0)
    timer.measure(.optimizer) { hands.pass(4) }
    #expect(hands.seconds == ["optimizer": 4])
  }

  @Test func reportsFollowTheStep() {
    #expect(
      PhaseTimer().seconds.map(\.name) == [
        "plan", "embed", "linear", "attention", "adapter", "norms_and_activations", "head", "head_backward",
        "norms_and_activations_backward", "adapter_backward", "attention_backward", "linear_backward",
        "embed_backward", "wait", "reduction", "optimizer", "other",
      ])
  }
}
