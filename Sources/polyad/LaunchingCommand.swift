import ArgumentParser
import Training

/// A verb that starts ranks of this program by itself, in jobs of their own.
protocol LaunchingCommand: ParsableCommand {
  /// What the user calls it, such as "bench scaling".
  static var name: String { get }
  /// The verb's work. A signal ends the ranks that run, and the verb with them.
  func launch() throws
}

extension LaunchingCommand {
  mutating func run() throws {
    guard CommandOutput.isFirst else { return }
    try RankedRun.requireNoRank(Self.name)
    StopSignal.install()
    try launch()
  }
}
