import Backbones
import Tasks

/// What a model takes: how examples for it are tokenised and checked.
public struct ModelInputs: Sendable {
  public let kind: SequenceKind
  /// Token ids are below it.
  public let vocabularySize: Int
  /// Token types are below it.
  public let tokenTypeCount: Int

  public init(_ backbone: any Backbone) {
    kind = backbone.architecture.sequenceKind
    (vocabularySize, tokenTypeCount) = (backbone.vocabularySize, backbone.tokenTypeCount)
  }

  /// Of a model that need not be loaded.
  public init(_ configuration: any BackboneConfiguration) {
    kind = configuration.architecture.sequenceKind
    (vocabularySize, tokenTypeCount) = (configuration.vocabularySize, configuration.tokenTypeCount)
  }

  /// - Parameters:
  ///   - maximumLength: The most tokens of a sequence.
  ///   - maximumTargetLength: The most tokens of an answer.
  public func tokenizationOptions(maximumLength: Int, maximumTargetLength: Int) -> TokenizationOptions {
    TokenizationOptions(
      kind: kind, maxSequenceLength: maximumLength, maxTargetLength: maximumTargetLength,
      vocabularySize: vocabularySize, tokenTypeCount: tokenTypeCount)
  }
}
