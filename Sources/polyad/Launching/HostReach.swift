import Foundation
import Synchronization
import Tensors

/// How other hosts are reached: ssh, which asks for nothing.
enum HostReach {
  /// The command that runs a line of shell on a host; it ends with 255 if the host is not reached.
  static func command(_ host: Hostfile.Host, _ line: String) -> [String] {
    ["/usr/bin/env", "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR"]
      + (host.user.map { ["-l", $0] } ?? []) + (host.port.map { ["-p", "\($0)"] } ?? []) + ["--", host.name, line]
  }

  /// How many cores each host has. Asks all at once.
  ///
  /// - Throws: ``RankedRunError/unreachable(_:)`` with a line for each host that does not answer, or has not this program
  ///   or the working directory at the same path.
  static func cores(of hosts: [Hostfile.Host]) throws -> [Int] {
    let answers = Mutex(Array(repeating: Answer.cores(0), count: hosts.count))
    let question = Self.question, group = DispatchGroup()
    for (place, host) in hosts.enumerated() {
      group.enter()
      // A thread each: they do nothing but wait, for hosts that may be many more than cores.
      Thread.detachNewThread {
        let answer = ThisHost.isNamed(host.name) ? .cores(LaunchPlace.ownCores) : ask(host, question)
        answers.withLock { $0[place] = answer }
        group.leave()
      }
    }
    group.wait()
    let all = answers.withLock(\.self)
    let faults = zip(hosts, all).compactMap { host, answer in
      if case .fault(let text) = answer { "\(host.name) \(text)" } else { nil }
    }
    guard faults.isEmpty else { throw RankedRunError.unreachable(faults) }
    return all.map { if case .cores(let count) = $0 { count } else { 0 } }
  }

  private enum Answer: Sendable {
    case cores(Int)
    case fault(String)
  }

  private static var folder: String { FileManager.default.currentDirectoryPath }

  /// Prints a host's processors and, where that is known, its cores, if ranks can start there.
  private static var question: String {
    let lines = [
      "cd \(quoted(folder)) 2>/dev/null || exit 90", "test -x \(quoted(RankedRun.program)) || exit 91", "nproc",
      "lscpu --online --parse=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l",
    ]
    return lines.joined(separator: "; ")
  }

  /// Text as one word of a shell.
  static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: #"'\''"#) + "'" }

  private static func ask(_ host: Hostfile.Host, _ question: String) -> Answer {
    let process = ChildProcess(
      command: command(host, question), environment: ProcessInfo.processInfo.environment, timeLimit: 20)
    do {
      let outcome = try process.run()
      // What ends ssh's lines on terminals is one character of Swift.
      let error = outcome.standardError.split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
      let counts = outcome.standardOutput.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.filter { $0 > 0 }
      switch outcome.exitCode {
      case 90: return .fault("has no folder \(folder): the working directory must be at the same path on every host")
      case 91: return .fault("has no program \(RankedRun.program): it must be at the same path on every host")
      case 0 where !counts.isEmpty: return .cores(counts.min() ?? 1)
      case 255: return .fault("does not answer by ssh\(error)")
      default: return .fault("does not run commands that ssh brings (exit code \(outcome.exitCode)\(error))")
      }
    } catch .stopped {
      return .fault("was asked when a signal came")
    } catch .timeLimit {
      return .fault("does not answer by ssh: nothing was heard within 20 s")
    } catch {
      return .fault("cannot be asked: ssh is not on the PATH; install openssh-client")
    }
  }
}
