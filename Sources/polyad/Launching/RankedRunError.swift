/// Why ranks could not be started, or what became of them.
enum RankedRunError: Error, CustomStringConvertible, Equatable {
  case noLauncher
  case isRank(verb: String)
  case fewSlots(rankCount: Int, slots: Int, path: String)
  case fewCores(place: String, rankCount: Int, threadCount: Int, cores: Int)
  /// - Parameter faults: A line a host.
  case unreachable(_ faults: [String])
  case stopped
  case timeLimit(seconds: Double, rankCount: Int)
  /// - Parameters:
  ///   - code: Of mpirun.
  ///   - reason: What the ranks or mpirun said of it.
  case failed(rankCount: Int, code: Int32, reason: String)

  var code: FailureCode {
    switch self {
    case .noLauncher, .isRank, .fewSlots, .fewCores: .usage
    case .unreachable, .stopped, .timeLimit: .rank
    case .failed(_, let code, _): FailureCode(rawValue: code) ?? .rank
    }
  }

  /// What was said of a run that failed, or else ``description``.
  var reason: String { if case .failed(_, _, let reason) = self { reason } else { description } }

  var description: String {
    switch self {
    case .noLauncher: "mpirun is not on the PATH: install Open MPI (launch/setup does), or add its folder to PATH"
    case .isRank(let verb): "\(verb) starts mpirun itself: call it without mpirun"
    case .fewSlots(let rankCount, let slots, let path):
      "\(rankCount) ranks are more than the \(slots) slots of \(path): lower --ranks, or raise the slots"
    case .fewCores(let place, let rankCount, let threadCount, let cores):
      "\(rankCount) rank(s) of \(threadCount) threads need \(rankCount * threadCount) cores, but \(place) has \(cores): "
        + "lower --ranks or --threads"
    case .unreachable(let faults): faults.joined(separator: "; ") + "; nothing was started"
    case .stopped: "stopped by a signal"
    case .timeLimit(let seconds, let rankCount):
      "\(rankCount) rank(s) did not come to their end within \(Int(seconds)) s and were ended"
    case .failed(let rankCount, let code, let reason):
      "\(rankCount) rank(s) ended with code \(code)" + (reason.isEmpty ? "" : ": \(reason)")
    }
  }
}
