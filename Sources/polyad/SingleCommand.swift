import ArgumentParser

/// A verb that one process does alone; under mpirun rank 0 does it and the others have nothing to do.
protocol SingleCommand: ParsableCommand {
  /// The verb's work.
  func runAlone() throws
}

extension SingleCommand {
  mutating func run() throws {
    if CommandOutput.isFirst { try runAlone() }
  }
}
