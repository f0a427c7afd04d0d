/// A prompt that is computed once, and what is asked behind it.
struct DecodingRequest: Sendable {
  let prompt: GenerationPrompt
  /// Whether it is to be continued.
  let isContinued: Bool
  /// Answers whose losses are asked for.
  var answers: [GivenAnswer] = []
}

/// An answer whose loss behind a prompt is asked for.
struct GivenAnswer: Sendable {
  /// Its tokens, as the model reads them.
  let tokens: [Int32]
  /// The label at the place of each of them; below 0: none.
  let labels: [Int32]

  /// - Parameter labels: nil: every token is one.
  init(tokens: [Int32], labels: [Int32]? = nil) {
    (self.tokens, self.labels) = (tokens, labels ?? tokens)
    precondition(self.tokens.count == self.labels.count, "\(self.labels.count) labels of \(self.tokens.count) tokens")
  }

  /// How many of its tokens are read: those before its last label.
  var readCount: Int { max(labels.lastIndex { $0 >= 0 } ?? 0, 0) }
}

/// What came of a request.
struct DecodingResult: Sendable {
  /// The summed cross-entropy of an answer's labels in nats, and how many there are.
  struct Loss: Sendable, Equatable {
    var sum = 0.0
    var labelCount = 0
  }

  /// The new tokens.
  var tokens: [Int32] = []
  /// One an answer.
  var losses: [Loss]
}
