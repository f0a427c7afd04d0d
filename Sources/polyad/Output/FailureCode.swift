import Adapters
import Backbones
import Checkpoints
import MessagePassing
import Tasks
import Tokenizers
import Training

/// The program's exit codes for failures.
enum FailureCode: Int32 {
  case usage = 2
  case data = 3
  case model = 4
  case rank = 5

  /// The code of an error of ours; nil for the argument parser's.
  init?(_ error: any Error) {
    switch error {
    case is RecipeError, is PlanError, is ReportingError, is MixtureError, is UsageError: self = .usage
    case TaskError.pairForOneText: self = .usage
    case is TaskError, is FileError: self = .data
    case is BackboneError, is AdapterError, is AdapterTaskError, is SavedAdapterError, is SafetensorsError,
      is ModelFolderError, is TokenizerError, is CheckpointError:
      self = .model
    case is ArithmeticRequestError, is ExpressionError: self = .usage
    case is ArithmeticError: self = .model
    case let error as TaskVectorError: self = error.isUsage ? .usage : .model
    case let error as AdapterSearchError: self = error.isUsage ? .usage : .model
    case let error as CandidateError:
      guard let code = FailureCode(error.cause) else { return nil }
      self = code
    case let error as ModelMergeError: self = error.isUsage ? .usage : .model
    case is HostfileError: self = .usage
    case let error as RankedRunError: self = error.code
    case is MPIError, is VerificationError: self = .rank
    case is OutputError, is DoctorFindings: self = .rank
    case let error as TaskHeadError: self = error.isOfRecipe ? .usage : .model
    case let error as CommandError: self = error.code
    case let error as Disagreement: self = Self.code(error.kind)
    case let error as RunError: self = Self.code(error)
    default: return nil
    }
  }

  /// The code of any error of a command that runs.
  static func ofRunning(_ error: any Error) -> Int32 { (FailureCode(error) ?? .rank).rawValue }

  private static func code(_ kind: Fact.Kind) -> FailureCode {
    switch kind {
    case .recipe: .usage
    case .data: .data
    case .model, .tokenizer, .adapter: .model
    case .program, .processor, .kernels: .rank
    }
  }

  private static func code(_ error: RunError) -> FailureCode {
    switch error {
    case .tooManyRanks, .holdsRun, .holdsInput, .resumeDiffers, .dataChanged, .sequenceTooLong, .tooFewExamples,
      .locked, .unwritable, .noParameters, .nothingToRank:
      .usage
    case .notFinite, .parametersNotFinite, .badState, .noTokenizer: .model
    case .ranksDiffer, .saveFailed, .lockLost: .rank
    }
  }
}

/// A fault in how a command was called that the argument parser cannot see.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Thrown once a run that a signal stopped has saved everything.
struct StoppedAfterSaving: Error {
  let exitCode: Int32 = 75
}
