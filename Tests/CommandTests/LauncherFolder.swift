import Foundation
import TestSupport

/// A training folder whose runs are started by the launchers, as users start them.
struct LauncherFolder {
  static let root = SharedFolder.packageRoot.path

  /// The launchers take the tests' own build of the program, and wait for no restart.
  private static let environment = ["POLYAD_PROGRAM": PolyadProcess.executable.path, "POLYAD_RESTART_WAIT": "0"]

  let training: TrainFolder

  static func with(_ body: (LauncherFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      try folder.writeRecipe()
      try body(LauncherFolder(training: folder))
    }
  }

  /// Starts a launcher.
  ///
  /// - Parameters:
  ///   - call: The launcher with its own options, as shell text, such as `launch/local -n 2`; paths are from the package.
  ///   - arguments: What follows.
  func start(
    _ call: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> PolyadProcess {
    // The process starts the program; the shell puts the launcher in its place.
    try PolyadProcess(
      arguments, in: training.url, environment: Self.environment.merging(environment) { $1 },
      shell: "shift; exec \(Self.root)/\(call) \"$@\"")
  }

  func run(
    _ call: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> PolyadProcess.Outcome {
    try start(call, arguments, environment: environment).wait()
  }

  /// Whether a launcher has come so far that it catches SIGUSR1, as the first lines of each do.
  static func catchesSignals(_ launcher: PolyadProcess) -> Bool {
    let status = try? String(contentsOfFile: "/proc/\(launcher.rankProcesses[0])/status", encoding: .utf8)
    let caught = status?.firstMatch(of: /SigCgt:\s*([0-9a-f]+)/).flatMap { UInt64($0.1, radix: 16) }
    return (caught ?? 0) >> UInt64(SIGUSR1 - 1) & 1 == 1
  }

  /// The ranks below a launcher that have begun.
  static func ranks(below launcher: PolyadProcess) -> [pid_t] {
    var found: [pid_t] = []
    var open = launcher.rankProcesses
    while let process = open.popLast() {
      let children = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
      for child in children.split(separator: " ").compactMap({ pid_t($0) }) {
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child)/exe")
        if program == PolyadProcess.executable.path { found.append(child) } else { open.append(child) }
      }
    }
    return found
  }

  /// Runs shell text that has sourced parts of launch/lib.
  ///
  /// - Returns: The exit code and what it printed, the launchers' own words among it.
  func shell(_ parts: [String], _ text: String) throws -> (code: Int32, output: String) {
    let sources = parts.map { "source \(Self.root)/launch/lib/\($0).sh" }
    let start = ["set -euo pipefail", "say() { echo \"$*\"; }", "fail() { echo \"$*\"; exit 2; }"]
    let outcome = try PolyadProcess.run(
      [], in: training.url, shell: (start + sources + [text, "exit"]).joined(separator: "\n"))
    return (outcome.exitCode, outcome.standardOutput + outcome.standardError)
  }
}
