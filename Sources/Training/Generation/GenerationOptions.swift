import Tensors

/// What to continue: its tokens (without any, nothing comes of it), its route, and what its random numbers are keyed by.
public struct GenerationPrompt: Sendable, Equatable {
  public let tokens: [Int32]
  /// The adapter's task that it is routed by.
  public let route: Int
  /// The prompt's running number in the whole job.
  public let ordinal: Int

  public init(tokens: [Int32], route: Int, ordinal: Int) {
    (self.tokens, self.route, self.ordinal) = (tokens, route, ordinal)
  }
}

/// How prompts are continued.
public struct GenerationOptions: Sendable, Equatable {
  /// How the next token is chosen.
  public enum Strategy: Sendable, Equatable {
    /// The most likely token each time.
    case greedy
    /// A random token each time.
    case sampling(TokenSampler)
    /// The best of several continuations kept side by side.
    case beams(count: Int, lengthPenalty: Double)
  }

  /// New tokens at most; fewer where the model's positions end.
  public var maximumCount: Int
  /// Tokens of prompt and answer at most, where they are one sequence.
  public var maximumLength: Int
  /// The tokens that end an answer; the one that did is part of the result.
  public var endIds: Set<Int32>
  public var strategy: Strategy
  /// Prompts that are decoded side by side at most; nil: as many as are worth it. Memory may allow fewer.
  public var width: Int?
  /// Whether what several prompts begin with is computed once, where the model allows it.
  public var sharesPrefixes: Bool

  public init(
    maximumCount: Int, maximumLength: Int = .max, endIds: Set<Int32>, strategy: Strategy = .greedy, width: Int? = nil,
    sharesPrefixes: Bool = true
  ) {
    (self.maximumCount, self.maximumLength) = (maximumCount, maximumLength)
    (self.endIds, self.strategy, self.width, self.sharesPrefixes) = (endIds, strategy, width, sharesPrefixes)
  }

  /// Continuations of one prompt that a search keeps side by side; nil: there is no search.
  var beamCount: Int? {
    if case .beams(let count, _) = strategy { return count }
    return nil
  }

  /// ``width``, or as many prompts as have 128 continuations: beyond that a step is no cheaper by the token.
  var promptCount: Int { width ?? max(1, 128 / (beamCount ?? 1)) }
}
