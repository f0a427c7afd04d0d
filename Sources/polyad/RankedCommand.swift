import ArgumentParser
import Foundation
import MessagePassing
import Tensors
import Training

/// A verb that several ranks may run together.
protocol RankedCommand: ParsableCommand {
  /// The verb's work. Collective; an error on one rank ends the job on all.
  ///
  /// - Returns: Whether it was stopped by a signal, after saving.
  func run(on ranks: Ranks) throws -> Bool
  /// Whether a signal asks it to save and stop, and does not end it at once.
  static var stopsOnSignal: Bool { get }
  /// Does, before MPI starts, what needs no ranks: true if that is all there is to do.
  func runsAlone() throws -> Bool
  /// Whether ranks go on together though their processors or kernels differ.
  var allowsMixedProcessors: Bool { get }
}

extension RankedCommand {
  static var stopsOnSignal: Bool { false }
  func runsAlone() throws -> Bool { false }
  /// What is only measured, or answered line by line, may be so on any processors.
  var allowsMixedProcessors: Bool { true }

  mutating func run() throws {
    if try runsAlone() { return }
    if Self.stopsOnSignal { StopSignal.install() }
    // The environment must be gone, and MPI with it, before the program ends with a code of its own.
    if try RankedWork.run(allowsMixedProcessors: allowsMixedProcessors, run(on:)) { throw StoppedAfterSaving() }
  }
}

/// Work that needs MPI.
enum RankedWork {
  /// Starts MPI, does the work on this process's rank and stops MPI. An error on one rank ends the job on all, and so
  /// does a rank that is lost.
  static func run<Result>(
    allowsMixedProcessors: Bool = true, _ work: (Ranks) throws -> Result
  ) throws -> Result {
    let start = StartGuard { StopSignal.isSet }
    let environment = try MPIEnvironment()
    return environment.job.run(exitCode: FailureCode.ofRunning) {
      let network = ProcessInfo.processInfo.environment["POLYAD_NETWORK"] ?? ""
      try Watch.start(over: environment.world, environment.job, network: network) { StopSignal.isSet }
      start.finish()
      Activity.begin(.loading)
      var ranks = try Ranks(environment)
      if let fault = MatrixLibrary.fault(in: ProcessInfo.processInfo.environment) { throw UsageError(fault) }
      Threads.setCount(try ThreadPlan(ranks).threadCount)
      try ranks.requireOneProgram(allowsMixedProcessors: allowsMixedProcessors)
      Activity.begin(.working)
      return try work(ranks)
    }
  }
}
