import ArgumentParser
import Glibc
import Tensors
import Training

/// The program: `polyad VERB`.
@main
struct Polyad: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "polyad",
    abstract: "Trains many tasks at once into small adapters on a frozen language model, data-parallel over MPI.",
    discussion: """
      Every verb runs by itself or, where several ranks help, under mpirun: mpirun -n 2 polyad train recipe.yaml
      Results go to standard output, everything else to standard error.
      Exit codes: 0 done, 2 usage or recipe, 3 data, 4 model or adapter, 5 a rank failed, 75 stopped by a signal after \
      saving.
      """,
    version: "0.1.0",
    subcommands: [
      Train.self, Prepare.self, Evaluate.self, Score.self, Generate.self, Tokenize.self, Metrics.self, Inspect.self,
      Export.self, Compose.self, Merge.self, Verify.self, Doctor.self, Bench.self,
    ])

  static func main() {
    // Beyond a limit on file sizes a write then fails with an error that can be told, as on a full disk.
    signal(SIGXFSZ, SIG_IGN)
    // A signal that comes before the verb can take it waits until then.
    if Self.verb == name(of: Train.self) { StopSignal.hold() }
    MatrixLibrary.restartWithBetterKernelsIfAny()
    // With several, OpenBLAS cuts products in other places, and other bits come out.
    MatrixLibrary.setThreadCount(1)
    do {
      try requireKnownVerb()
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch let stop as StoppedAfterSaving {
      Glibc.exit(stop.exitCode)
    } catch {
      end(error)
    }
  }

  /// The command line as it is read.
  private static var arguments: [String] { Compose.shielded(Array(CommandLine.arguments.dropFirst())) }

  // MARK: Faults in how the program was called

  private static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? "\(command)".lowercased()
  }

  /// The first argument, where it looks like a verb.
  private static var verb: String? {
    CommandLine.arguments.dropFirst().first.flatMap { $0.hasPrefix("-") ? nil : $0 }
  }

  private static func requireKnownVerb() throws {
    let verbs = (configuration.subcommands.map(name(of:)) + ["help"]).sorted()
    guard let verb, !verbs.contains(verb), let nearest = nearest(to: verb, in: verbs) else { return }
    throw UsageError(
      "there is no verb \(verb); did you mean \(nearest)? The verbs are \(verbs.joined(separator: ", "))")
  }

  /// What to say of the first option that the verb does not have; the argument parser speaks of missing ones first.
  private static var unknownOption: String? {
    var command: any ParsableCommand.Type = Polyad.self
    for argument in arguments {
      guard let next = command.configuration.subcommands.first(where: { name(of: $0) == argument }) else { break }
      command = next
    }
    let known = helpMessage(for: command).matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) }
    let given = arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map { String($0.prefix { $0 != "=" }) }
    guard let unknown = given.first(where: { !known.contains($0) }) else { return nil }
    return "Unknown option '\(unknown)'." + (nearest(to: unknown, in: known).map { " Did you mean '\($0)'?" } ?? "")
  }

  /// Prints an error, or the help that was asked for, and ends the program.
  private static func end(_ error: any Error) -> Never {
    if let code = FailureCode(error) {
      CommandOutput.message("polyad: \(error)")
      Glibc.exit(code.rawValue)
    }
    guard exitCode(for: error) != .success else {
      if CommandOutput.isFirst { print(fullMessage(for: error)) }
      Glibc.exit(0)
    }
    let help = ["polyad", verb, "--help"].compactMap(\.self).joined(separator: " ")
    CommandOutput.message("polyad: \(unknownOption ?? message(for: error)) (see \(help))")
    Glibc.exit(FailureCode.usage.rawValue)
  }
}
