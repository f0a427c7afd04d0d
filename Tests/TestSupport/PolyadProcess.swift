import Foundation

/// The built program, started as users start it: alone, or under mpirun.
///
/// One at a time: ranks that wait for each other spin, so that several jobs on few cores would slow each other down.
public final class PolyadProcess {
  /// What a program that has ended leaves behind.
  public struct Outcome: Sendable {
    /// mpirun's exit code where it was used; -1 if the program hung until the time limit.
    public let exitCode: Int32
    public let standardOutput: String
    public let standardError: String

    /// The lines of standard error that the program itself wrote, whatever the launcher adds.
    public var messages: [String] {
      standardError.split(separator: "\n").map(String.init).filter { $0.hasPrefix("polyad: ") }
    }
  }

  /// The executable that belongs to the running tests, built in the same configuration.
  public static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "polyad")

  private static let turn = DispatchSemaphore(value: 1)

  private let process = Process()
  private let folder: URL
  private let files: (output: URL, error: URL)
  private let isLaunched: Bool
  private let takesTurn: Bool

  /// Starts `polyad` with `arguments`.
  ///
  /// - Parameters:
  ///   - ranks: Above 1, mpirun starts so many.
  ///   - folder: The working directory. Token caches and the captured output lie in hidden folders there.
  ///   - input: Standard input.
  ///   - shell: A shell command to run first, in the same shell, such as `ulimit -f 8`.
  ///   - rankShell: The same in each rank: $OMPI_COMM_WORLD_RANK tells which it is, and `set --` may change the program
  ///     ($1) and its arguments.
  ///   - isBeside: Whether it runs beside one that the same test has started and not waited for.
  public init(
    _ arguments: [String], ranks: Int = 1, in folder: URL, environment: [String: String] = [:], input: String = "",
    shell: String? = nil, rankShell: String? = nil, isBeside: Bool = false
  ) throws {
    takesTurn = !isBeside
    if takesTurn { Self.turn.wait() }
    self.folder = folder
    isLaunched = ranks > 1
    let capture = folder.appending(path: ".capture-\(UUID().uuidString)")
    files = (capture.appending(path: "output"), capture.appending(path: "error"))
    do {
      try FileManager.default.createDirectory(at: capture, withIntermediateDirectories: true)
      for file in [files.output, files.error] { try Data().write(to: file) }
      let inputFile = capture.appending(path: "input")
      try Data(input.utf8).write(to: inputFile)
      let launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "\(ranks)"]
      func wrapped(_ command: [String], in shell: String?) -> [String] {
        shell.map { ["bash", "-c", "\($0); exec \"$@\"", "bash"] + command } ?? command
      }
      let program = wrapped([Self.executable.path] + arguments, in: rankShell)
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = wrapped((isLaunched ? launcher : []) + program, in: shell)
      process.currentDirectoryURL = folder
      process.environment = ProcessInfo.processInfo.environment.merging([
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "POLYAD_CACHE": folder.appending(path: ".cache").path,
        "POLYAD_PROFILE": folder.appending(path: ".cache/machine.json").path,
      ]) { $1 }.merging(environment) { $1 }
      process.standardInput = try FileHandle(forReadingFrom: inputFile)
      process.standardOutput = try FileHandle(forWritingTo: files.output)
      process.standardError = try FileHandle(forWritingTo: files.error)
      try Self.withSignalsLetThrough { try process.run() }
    } catch {
      if takesTurn { Self.turn.signal() }
      throw error
    }
  }

  /// A program inherits the signals that the thread blocks that starts it, and tests run on threads that block most.
  static func withSignalsLetThrough<Result>(_ body: () throws -> Result) rethrows -> Result {
    var none = sigset_t(), before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return try body()
  }

  /// Runs the program to its end.
  public static func run(
    _ arguments: [String], ranks: Int = 1, in folder: URL, environment: [String: String] = [:], input: String = "",
    shell: String? = nil, rankShell: String? = nil, timeout: Double = 60
  ) throws -> Outcome {
    try PolyadProcess(
      arguments, ranks: ranks, in: folder, environment: environment, input: input, shell: shell, rankShell: rankShell
    ).wait(timeout: timeout)
  }

  /// Waits until the program ends, and ends it after `timeout` seconds. Has to be called once.
  public func wait(timeout: Double = 60) throws -> Outcome {
    defer { if takesTurn { Self.turn.signal() } }
    let hasEnded = isTrue(within: timeout) { !self.process.isRunning }
    if !hasEnded {
      for rank in rankProcesses { kill(rank, SIGKILL) }
      if !isTrue(within: 5, { !self.process.isRunning }) { kill(process.processIdentifier, SIGKILL) }
    }
    process.waitUntilExit()
    return Outcome(
      exitCode: hasEnded ? process.terminationStatus : -1,
      standardOutput: try String(contentsOf: files.output, encoding: .utf8),
      standardError: try String(contentsOf: files.error, encoding: .utf8))
  }

  /// Waits until `condition` holds; false if the program ended, or `timeout` seconds went by, before.
  public func waits(timeout: Double = 60, until condition: () -> Bool) -> Bool {
    isTrue(within: timeout) { condition() || !self.process.isRunning } && condition()
  }

  /// The process identifiers of the ranks, in their order.
  public var rankProcesses: [pid_t] {
    guard isLaunched else { return [process.processIdentifier] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let ranks = names.compactMap { pid_t($0) }.compactMap { identifier -> (rank: Int, identifier: pid_t)? in
      guard Self.parent(of: identifier) == process.processIdentifier,
        let environment = try? Data(contentsOf: URL(filePath: "/proc/\(identifier)/environ"))
      else { return nil }
      let prefix = "OMPI_COMM_WORLD_RANK="
      let variables = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      let rank = variables.first { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) }
      return rank.map { ($0, identifier) }
    }
    return ranks.sorted { $0.rank < $1.rank }.map(\.identifier)
  }

  /// Sends a signal to the launcher, or to the program itself where there is none.
  public func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  private static func parent(of identifier: pid_t) -> pid_t? {
    // /proc/<pid>/stat: pid (name) state parent …; the name may hold anything but ends at the last bracket.
    guard let text = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8),
      let bracket = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: bracket)...].split(separator: " ")
    return fields.count > 1 ? pid_t(fields[1]) : nil
  }

  private func isTrue(within seconds: Double, _ condition: () -> Bool) -> Bool {
    let deadline = Date.now.addingTimeInterval(seconds)
    while !condition() {
      guard Date.now < deadline else { return false }
      usleep(5_000)
    }
    return true
  }
}
