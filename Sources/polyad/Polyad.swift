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
    subcommands: [Train.self, Bench.self])

  static func main() {
    MatrixLibrary.restartWithBetterKernelsIfAny()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let stop as StoppedAfterSaving {
      Glibc.exit(stop.exitCode)
    } catch {
      end(error)
    }
  }

  /// Prints an error, or the help that was asked for, and ends the program.
  private static func end(_ error: any Error) -> Never {
    if let code = FailureCode(error) {
      CommandOutput.message("polyad: \(error)")
      Glibc.exit(code.rawValue)
    }
    let message = fullMessage(for: error)
    guard exitCode(for: error) != .success else {
      print(message)
      Glibc.exit(0)
    }
    CommandOutput.message(message)
    Glibc.exit(FailureCode.usage.rawValue)
  }
}
