import Foundation
import Glibc
import Tensors

/// How this program starts mpirun of itself, as `launch/local` and `launch/cluster` do.
struct RankedRun {
  typealias Outcome = ChildProcess.Outcome

  /// The program's arguments, a verb first.
  let arguments: [String]
  let rankCount: Int
  /// Of each rank; nil: as the program finds cores.
  let threadCount: Int?
  let place: LaunchPlace
  /// Where the ranks run on their hosts' cores, and what the user should know of that.
  private(set) var placement: RankPlacement
  /// The hosts they fill; nil: this one.
  let hosts: [LaunchPlace.Host]?
  /// Seconds after which it is ended; nil: never.
  var timeLimit: Double?
  private let launcher: String
  /// Of mpirun and the ranks.
  private let environment: [String: String]

  /// The file of this program, at the same path on every host.
  static let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "polyad"

  /// Finds out how the ranks are best placed, which takes a moment.
  ///
  /// - Parameters:
  ///   - ranks: At least one.
  ///   - threads: Of each rank; nil: what POLYAD_THREADS says or, without it, its part of its host's cores.
  ///   - variables: Further ones of the ranks' environment.
  /// - Throws: ``RankedRunError``.
  init(
    _ arguments: [String], ranks: Int, threads: Int?, on place: LaunchPlace = .thisHost,
    variables: [String: String] = [:]
  ) throws(RankedRunError) {
    (self.arguments, rankCount, threadCount, self.place) = (arguments, ranks, threads, place)
    var environment = Self.environment(ProcessInfo.processInfo.environment).merging(variables) { $1 }
    if let threads { environment["POLYAD_THREADS"] = "\(threads)" }
    if geteuid() == 0 {
      for name in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] { environment[name] = "1" }
    }
    self.environment = environment
    guard let launcher = Self.find("mpirun", path: environment["PATH"] ?? "") else { throw .noLauncher }
    self.launcher = launcher
    hosts = try place.filled(by: ranks)
    let choices = try RankPlacement.choices(
      rankCount: ranks, threadCount: threads, hosts: hosts, cores: LaunchPlace.ownCores)
    placement = choices[0]
    guard choices.count > 1 else { return }
    let trial = try? run(program: ["true"], limit: 60)
    if trial?.exitCode != 0 { placement = choices[1] }
  }

  /// Throws where this process is a rank itself.
  static func requireNoRank(_ verb: String) throws(RankedRunError) {
    let environment = ProcessInfo.processInfo.environment
    if ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK"].contains(where: { environment[$0] != nil }) { throw .isRank(verb: verb) }
  }

  /// Runs the ranks to their end, which a signal to this process brings about, too.
  ///
  /// - Returns: What they left behind, whatever their exit code is.
  /// - Throws: ``RankedRunError``.
  func run() throws(RankedRunError) -> Outcome {
    try run(program: [Self.program] + arguments, limit: timeLimit)
  }

  /// Runs the ranks to their end.
  ///
  /// - Throws: ``RankedRunError``, also where they end with another code than 0.
  func runToSuccess() throws(RankedRunError) -> Outcome {
    let outcome = try run()
    guard outcome.exitCode == 0 else { throw failure(outcome) }
    return outcome
  }

  /// Why a run that ended with another code than 0 did so.
  func failure(_ outcome: Outcome) -> RankedRunError {
    .failed(rankCount: rankCount, code: outcome.exitCode, reason: Self.reason(outcome.standardError))
  }

  private func run(program: [String], limit: Double?) throws(RankedRunError) -> Outcome {
    let file = FileManager.default.temporaryDirectory.appending(path: "polyad-hosts-\(UUID().uuidString)")
    if let hosts {
      try? Data(Self.lines(of: hosts).utf8).write(to: file)
    }
    defer { try? FileManager.default.removeItem(at: file) }
    let command = command(program: program, hostfile: file.path)
    do {
      return try ChildProcess(command: command, environment: environment, timeLimit: limit).run()
    } catch {
      switch error {
      case .stopped: throw .stopped
      case .timeLimit: throw .timeLimit(seconds: limit ?? 0, rankCount: rankCount)
      case .notStarted(let reason): throw .failed(rankCount: rankCount, code: 5, reason: "\(launcher): \(reason)")
      }
    }
  }

  /// The hosts in Open MPI's syntax.
  static func lines(of hosts: [LaunchPlace.Host]) -> String {
    hosts.map { host in
      var line = host.host
      line.slots = host.slots
      return line.line + "\n"
    }.joined()
  }

  // MARK: mpirun's command line

  /// - Parameter hostfile: Where the hosts are written, if there are any but this one.
  func command(program: [String], hostfile: String) -> [String] {
    var options = ["-n", "\(rankCount)"]
    if hosts != nil { options += ["--hostfile", hostfile] }
    options += placement.options
    if let hosts { options += Self.network(hosts, environment["POLYAD_NETWORK"] ?? "") + exports }
    return [launcher] + options + program
  }

  private static func network(_ hosts: [LaunchPlace.Host], _ interfaces: String) -> [String] {
    var settings: [(String, String)] = []
    if !interfaces.isEmpty {
      settings += [("btl_tcp_if_include", interfaces), ("oob_tcp_if_include", interfaces)]
    }
    // A network that is dead is noticed by signs of life, in 10 + 3 × 5 s; Open MPI's own limit is 8 minutes.
    settings += [
      ("oob_tcp_keepalive_time", "10"), ("oob_tcp_keepalive_intvl", "5"), ("oob_tcp_keepalive_probes", "3"),
    ]
    // Nobody is there to answer ssh's questions.
    settings.append(("plm_rsh_args", "-o BatchMode=yes -o ConnectTimeout=10"))
    // A name is looked up as the file has it, not as far as its first dot.
    if hosts.contains(where: { $0.host.name.contains(".") && $0.host.name.contains(where: \.isLetter) }) {
      settings.append(("orte_keep_fqdn_hostnames", "1"))
    }
    return settings.flatMap { ["--mca", $0.0, $0.1] }
  }

  private var exports: [String] { Self.forwarded(environment).flatMap { ["-x", $0] } }

  /// Variables of the user that the ranks on other hosts need too.
  static func forwarded(_ environment: [String: String]) -> [String] {
    let names = [
      "LD_LIBRARY_PATH", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
      "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "GLIBC_TUNABLES",
    ]
    let chosen = environment.filter { name, value in
      !value.isEmpty && (names.contains(name) || name.hasPrefix("OPENBLAS_") || name.hasPrefix("POLYAD_"))
    }
    return chosen.keys.sorted()
  }

  /// What mpirun and the ranks inherit: not what a restart of this program, or a launcher around it, has set.
  static func environment(_ own: [String: String]) -> [String: String] {
    MatrixLibrary.givenEnvironment(own).filter { name, _ in
      !["OMPI_COMM_", "OMPI_UNIVERSE_", "PMIX_", "PMI_"].contains(where: name.hasPrefix)
    }
  }

  private static func find(_ name: String, path: String) -> String? {
    path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// What a job's standard error tells best of why it ended: the first line of the program's own, with those that
  /// belong to it, or the last line.
  static func reason(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).map(String.init)
    if let own = lines.firstIndex(where: { $0.hasPrefix("polyad: ") }) {
      let rest = lines[(own + 1)...].prefix { $0.hasPrefix("  ") }.map { $0.trimmingCharacters(in: .whitespaces) }
      return lines[own].dropFirst(8) + (rest.isEmpty ? "" : " " + rest.joined(separator: "; "))
    }
    return lines.last { line in line.contains(where: \.isLetter) }?.trimmingCharacters(in: .whitespaces) ?? ""
  }
}
