import Glibc
import Synchronization

/// Ends this process if the ranks of its job do not find each other: while MPI starts and before the ``Watch`` does,
/// a rank that is lost or out of reach would leave the others waiting for ever.
public final class StartGuard: Sendable {
  /// Seconds that the ranks have to find each other, unless POLYAD_START_TIMEOUT says otherwise; 0 there: any time.
  public static let defaultPatience = 60.0
  /// Seconds that a start may still take once it was asked to stop.
  static let stopPatience = 3.0

  private let isOver = Atomic<Bool>(false)

  /// Starts to wait, where a launcher says that there are several ranks.
  ///
  /// - Parameter isStopping: Whether the job was asked to stop. Called from another thread.
  public init(isStopping: @escaping @Sendable () -> Bool = { false }) {
    let variables = LaunchVariables.ofProcess
    guard let (count, _) = variables.processCount, count > 1 else { return }
    let stated = variables.value("POLYAD_START_TIMEOUT").flatMap { Double($0) } ?? Self.defaultPatience
    let patience = stated > 0 ? stated : .infinity
    WatchThread.start { [self] in
      var start = Watch.now, last = Watch.now
      var stopped: Double?
      while !isOver.load(ordering: .relaxed) {
        usleep(50_000)
        let now = Watch.now
        // Stopped, or starved, itself.
        if now - last > 2 { start += now - last }
        last = now
        if isStopping() { stopped = stopped ?? now }
        // One rank speaks first; its end ends the others.
        let turn = 0.1 * Double(min(variables.rank ?? 0, 20))
        if now >= start + patience + turn { Self.end(variables, count, Self.tooLate(patience)) }
        if let stopped, now >= stopped + Self.stopPatience + turn { Self.end(variables, count, Self.tooEarly) }
      }
    }
  }

  /// The ranks have found each other.
  public func finish() { isOver.store(true, ordering: .relaxed) }

  private static func tooLate(_ patience: Double) -> String {
    "the ranks have not found each other in \(Int(patience)) s (POLYAD_START_TIMEOUT): one is lost, or hosts do not "
      + "reach each other. POLYAD_NETWORK (launch/cluster) names the interfaces or subnets to use"
  }
  private static let tooEarly =
    "stopped by a signal before all ranks had started; nothing was changed"

  private static func end(_ variables: LaunchVariables, _ count: Int, _ text: String) -> Never {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let rank = variables.rank.map { "rank \($0)" } ?? "a rank"
    Job.print("polyad: \(rank) of \(count) on \(name): \(text)\n")
    _exit(5)
  }
}
