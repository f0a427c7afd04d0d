import Foundation

/// What a tokenizer is made of, whatever file it comes from.
struct TokenizerParts {
  /// The model's tokens and the added ones.
  let vocabulary: Vocabulary
  let addedTokens: [AddedToken]
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let model: any SubwordModel
  let template: SequenceTemplate
  let decoder: any TokenDecoder
  /// The files that ids depend on, the tokenizer's own first.
  let files: [URL]
}
