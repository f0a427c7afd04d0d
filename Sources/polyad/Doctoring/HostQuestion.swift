import Foundation
import Synchronization
import Training

/// Asks hosts what they are: starts this program on each, all at once, this host included, with `doctor --probe`.
struct HostQuestion {
  /// What became of it; nothing of ranks yet.
  typealias Answer = HostReport.Answer

  /// Seconds that all of it may take.
  let timeLimit: Double

  /// The answers, in the order of the hosts.
  ///
  /// - Parameter hosts: What each is to look at; nil as its host: this one.
  func ask(_ hosts: [(host: Hostfile.Host?, request: ProbeRequest)]) -> [Answer] {
    let answers = Mutex([Answer?](repeating: nil, count: hosts.count)), group = DispatchGroup()
    for (place, (host, request)) in hosts.enumerated() {
      group.enter()
      // A thread each: they do nothing but wait, for hosts that may be many more than cores.
      Thread.detachNewThread {
        let answer = ask(host, request)
        answers.withLock { $0[place] = answer }
        group.leave()
      }
    }
    group.wait()
    return answers.withLock { $0.map { $0 ?? .fault(.failed(reason: "no answer")) } }
  }

  private func ask(_ host: Hostfile.Host?, _ request: ProbeRequest) -> Answer {
    let file = FileManager.default.temporaryDirectory.appending(path: "polyad-doctor-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    do {
      try Data(request.text.utf8).write(to: file)
    } catch {
      return .fault(.failed(reason: "cannot write \(file.path): \(error.localizedDescription)"))
    }
    let environment = RankedRun.environment(ProcessInfo.processInfo.environment)
    let line = Self.line(environment)
    let command = host.map { HostReach.command($0, line) } ?? ["/bin/sh", "-c", line]
    let process = ChildProcess(command: command, environment: environment, timeLimit: timeLimit, input: file.path)
    let start = Date.now.timeIntervalSince1970
    do {
      let outcome = try process.run()
      return Self.answer(outcome, start: start, end: Date.now.timeIntervalSince1970)
    } catch .stopped {
      return .fault(.failed(reason: "a signal came before it had answered"))
    } catch .timeLimit {
      return .fault(.silent(reason: "nothing was heard within \(Int(timeLimit)) s"))
    } catch {
      return .fault(.failed(reason: host == nil ? "there is no /bin/sh" : "ssh is not on the PATH"))
    }
  }

  /// The code of a host that has no program.
  private static let noProgram: Int32 = 91

  /// What the host's shell does: it tells its clock, and starts the program with the user's variables.
  static func line(_ environment: [String: String]) -> String {
    let variables = RankedRun.forwarded(environment).map { HostReach.quoted("\($0)=\(environment[$0] ?? "")") }
    let program = HostReach.quoted(RankedRun.program)
    let lines = [
      #"printf "clock %s\n" "$(date +%s.%N)""#, "test -x \(program) || exit \(noProgram)",
      (["exec env"] + variables + [program, "doctor", "--probe"]).joined(separator: " "),
    ]
    return "exec sh -c " + HostReach.quoted(lines.joined(separator: "; "))
  }

  /// - Parameters:
  ///   - start: When the question was asked, by this host's clock in seconds since 1970.
  ///   - end: When the answer was there.
  static func answer(_ outcome: ChildProcess.Outcome, start: Double, end: Double) -> Answer {
    let lines = outcome.standardOutput.split(separator: "\n").map(String.init)
    let error = outcome.standardError.split(separator: "\n").last.map(String.init)
    switch outcome.exitCode {
    case 0: break
    case noProgram: return .fault(.noProgram(path: RankedRun.program))
    case 255: return .fault(.silent(reason: error ?? "ssh ends with code 255"))
    case 2, 64: return .fault(.otherProgram(reason: error ?? "it ends with code \(outcome.exitCode)"))
    case 129...: return .fault(.failed(reason: "signal \(outcome.exitCode - 128) ends it"))
    default: return .fault(.failed(reason: error ?? "it ends with code \(outcome.exitCode)"))
    }
    guard let text = lines.last(where: { $0.hasPrefix("{") }),
      let facts = try? JSONDecoder().decode(HostFacts.self, from: Data(text.utf8))
    else { return .fault(.otherProgram(reason: "it answers in another form")) }
    // Its clock was read after the question and before the answer: what is beyond that is an offset.
    let first = lines.lazy.compactMap { $0.hasPrefix("clock ") ? Double($0.dropFirst(6)) : nil }.first
    let behind = (first ?? facts.clock) - start, ahead = facts.clock - end
    return .facts(facts, clockOffset: behind < 0 ? behind : max(0, ahead))
  }
}
