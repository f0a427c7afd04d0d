import Synchronization

/// What this rank is doing: set by the thread that works, told to the other ranks by its watch.
public enum Activity {
  /// A part of a job's life.
  public enum Kind: UInt8, Sendable {
    case starting, loading, preparing, step, saving, evaluating, working

    /// As the watch's table says it.
    var text: String {
      switch self {
      case .starting: "starting"
      case .loading: "loading"
      case .preparing: "preparing data"
      case .step: "step"
      case .saving: "saving"
      case .evaluating: "evaluating"
      case .working: "working"
      }
    }
  }

  private static let kind = Atomic<UInt8>(Kind.starting.rawValue)
  private static let step = Atomic<Int>(0)
  private static let waits = Atomic<Bool>(false)
  private static let moves = Atomic<UInt64>(0)
  private static let remedy = Mutex("")

  /// A new part begins.
  ///
  /// - Parameter step: The step it belongs to, from 1; nil: the one before, if there was one.
  public static func begin(_ kind: Kind, step: Int? = nil) {
    self.kind.store(kind.rawValue, ordering: .relaxed)
    if let step { self.step.store(step, ordering: .relaxed) }
    advance()
  }

  /// The work has moved on: what repeats this is slow at worst, and does not hang.
  public static func advance() { moves.wrappingAdd(1, ordering: .relaxed) }

  /// What the user can do if the job ends now, such as where the newest checkpoint lies: the last sentence of what is
  /// said then.
  public static func setRemedy(_ text: String) { remedy.withLock { $0 = text } }

  static var currentRemedy: String { remedy.withLock { $0 } }

  /// Calls `body`, which returns when other ranks have done their part.
  @inline(__always)
  static func waiting<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    waits.store(true, ordering: .relaxed)
    defer {
      waits.store(false, ordering: .relaxed)
      advance()
    }
    return try body()
  }

  /// All of it at this moment.
  static var report: ActivityReport {
    ActivityReport(
      kind: Kind(rawValue: kind.load(ordering: .relaxed)) ?? .working, step: step.load(ordering: .relaxed),
      waits: waits.load(ordering: .relaxed), moves: moves.load(ordering: .relaxed))
  }
}

/// What a rank is doing at some moment.
struct ActivityReport: Sendable, Equatable {
  var kind = Activity.Kind.starting
  /// The newest step begun, from 1; 0: none yet.
  var step = 0
  /// Whether it is in a call that other ranks must answer.
  var waits = false
  /// Grows whenever the work moves on.
  var moves: UInt64 = 0

  /// Such as "saving after step 12".
  var text: String {
    switch kind {
    case .step: "step \(step)"
    case .saving, .evaluating: step > 0 ? "\(kind.text) after step \(step)" : kind.text
    case .starting, .loading, .preparing, .working: kind.text
    }
  }
}
