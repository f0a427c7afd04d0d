import Foundation
import Glibc
import Synchronization
import Training

/// A program that this one starts and waits for. It is in a process group of its own, so that what a terminal sends
/// reaches this process alone, which ends it.
struct ChildProcess {
  /// What it left behind.
  struct Outcome: Sendable, Equatable {
    /// 128 and the signal's number where a signal ended it.
    let exitCode: Int32
    let standardOutput: String
    let standardError: String
  }

  /// Why it was ended from here.
  enum Ending: Error, Equatable {
    case stopped
    case timeLimit
    case notStarted(reason: String)
  }

  /// The program's path and its arguments.
  let command: [String]
  let environment: [String: String]
  /// Seconds after which it is ended; nil: never.
  var timeLimit: Double?
  /// The file that is its standard input.
  var input = "/dev/null"

  /// Runs it to its end. A signal that asks this process to stop ends it, too.
  ///
  /// - Throws: ``Ending``.
  func run() throws(Ending) -> Outcome {
    // Another one, started between, would hold the pipes as well.
    let (pipes, start) = Self.turn.withLock { _ in
      let pipes = [Self.pipe(), Self.pipe()]
      let start = Self.spawn(command, environment, input: input, output: pipes[0].writing, error: pipes[1].writing)
      for pipe in pipes { close(pipe.writing) }
      return (pipes.map(\.reading), start)
    }
    defer { for pipe in pipes { close(pipe) } }
    guard start.code == 0 else { throw .notStarted(reason: String(cString: strerror(start.code))) }
    var texts = [Data(), Data()], ending: Ending?, status: CInt = 0
    let begin = ContinuousClock.now
    var ended: ContinuousClock.Instant?, asked: ContinuousClock.Instant?
    var open = [true, true]
    // Who else holds a pipe when it has ended is not waited for.
    while ended.map({ open.contains(true) && ContinuousClock.now - $0 < .seconds(1) }) ?? true {
      Self.read(pipes, into: &texts, &open)
      if ended == nil, waitpid(start.process, &status, WNOHANG) != 0 { ended = .now }
      if let asked, ended == nil, ContinuousClock.now - asked > .seconds(4) { kill(-start.process, SIGKILL) }
      guard asked == nil, ended == nil else { continue }
      let isLate = timeLimit.map { ContinuousClock.now - begin > .seconds($0) } ?? false
      guard isLate || StopSignal.isSet else { continue }
      (ending, asked) = (isLate ? .timeLimit : .stopped, .now)
      kill(start.process, SIGTERM)
    }
    if let ending { throw ending }
    let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    return Outcome(
      exitCode: code, standardOutput: String(decoding: texts[0], as: UTF8.self),
      standardError: String(decoding: texts[1], as: UTF8.self))
  }

  private static let turn = Mutex(())

  private static func pipe() -> (reading: CInt, writing: CInt) {
    var ends: [CInt] = [-1, -1]
    Glibc.pipe(&ends)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Waits up to a tenth of a second for what the pipes hold.
  private static func read(_ pipes: [CInt], into texts: inout [Data], _ open: inout [Bool]) {
    var polled = zip(pipes, open).map { pollfd(fd: $1 ? $0 : -1, events: Int16(POLLIN), revents: 0) }
    guard poll(&polled, nfds_t(polled.count), 100) > 0 else { return }
    for (place, entry) in polled.enumerated() where entry.revents != 0 {
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = Glibc.read(entry.fd, &bytes, bytes.count)
      if count > 0 { texts[place].append(contentsOf: bytes.prefix(count)) }
      if count == 0 || count < 0 && errno != EINTR { open[place] = false }
    }
  }

  private static func spawn(
    _ command: [String], _ environment: [String: String], input: String, output: CInt, error: CInt
  ) -> (process: pid_t, code: CInt) {
    var actions = posix_spawn_file_actions_t(), attributes = posix_spawnattr_t(), process: pid_t = 0
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, error, 2)
    // A program inherits the signals that the thread that starts it blocks and ignores.
    var none = sigset_t(), usual = sigset_t()
    sigemptyset(&none)
    sigemptyset(&usual)
    for name in [SIGXFSZ, SIGPIPE, SIGINT, SIGTERM, SIGUSR1] { sigaddset(&usual, name) }
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &usual)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments = command.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    let code = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &variables)
    return (process, code)
  }
}
