import Foundation

/// This test bundle, started again as the ranks of a job of its own.
///
/// The tests that `swift test` runs never start MPI themselves, so that any number of them can be in one process.
public enum RankProcesses {
  /// Which tests the started processes run; unset in the tests that start them.
  private static let variable = "POLYAD_TEST_JOB"

  /// The job that this process is a rank of; nil in the tests that start jobs.
  public static var ownJob: String? { ProcessInfo.processInfo.environment[variable] }

  public struct Outcome {
    public let exitCode: Int32
    /// Standard output and standard error of all ranks.
    public let output: String
  }

  /// Runs the tests of `job` on `rankCount` ranks, one of which is a plain process without mpirun.
  ///
  /// A job that hangs is ended after a minute and has the exit code of the signal.
  ///
  /// - Parameter suite: The suite that the started processes run, such as `MessagePassingTests.RankTests`.
  public static func run(
    _ job: String, of suite: String, rankCount: Int, environment: [String: String] = [:]
  ) throws -> Outcome {
    try withTemporaryFolder { folder in
      let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      let filter = "^" + suite.replacing(".", with: #"\."#) + "/"
      let test = ["--testing-library", "swift-testing", "--filter", filter]
      let launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "\(rankCount)"]
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = (rankCount > 1 ? launcher : []) + [bundle] + test
      process.environment = ProcessInfo.processInfo.environment.merging(
        [variable: job, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]
      ) { $1 }.merging(environment) { $1 }
      let file = folder.appending(path: "output")
      _ = FileManager.default.createFile(atPath: file.path, contents: nil)
      let handle = try FileHandle(forWritingTo: file)
      process.standardOutput = handle
      process.standardError = handle
      try PolyadProcess.withSignalsLetThrough { try process.run() }
      let deadline = Date.now.addingTimeInterval(60)
      while process.isRunning, Date.now < deadline { usleep(20_000) }
      if process.isRunning { process.terminate() }
      process.waitUntilExit()
      return Outcome(exitCode: process.terminationStatus, output: try String(contentsOf: file, encoding: .utf8))
    }
  }
}
