/// How near a predicted text is to its best reference; each value from 0 to 1.
public struct TextScore: Sendable, Equatable {
  public var exactMatch: Double
  public var rouge1: Double
  public var rougeL: Double
  public var rougeLsum: Double

  public static let zero = TextScore(exactMatch: 0, rouge1: 0, rougeL: 0, rougeLsum: 0)

  public init(exactMatch: Double, rouge1: Double, rougeL: Double, rougeLsum: Double) {
    self.exactMatch = exactMatch
    self.rouge1 = rouge1
    self.rougeL = rougeL
    self.rougeLsum = rougeLsum
  }

  /// The value of a metric that compares text; nil for the others.
  public subscript(metric: Metric) -> Double? {
    switch metric {
    case .exactMatch: exactMatch
    case .rouge1: rouge1
    case .rougeL: rougeL
    case .rougeLsum: rougeLsum
    case .accuracy, .f1, .f1Macro, .matthews, .pearson, .spearman: nil
    }
  }
}

/// Scores of generated text, as Tk-Instruct and the `rouge-score` package compute them.
public enum TextMetrics {
  /// Scores one prediction. With several references each metric takes its own best one; without any, all are 0.
  public static func score(prediction: String, references: [String]) -> TextScore {
    var rouge = Rouge()
    let predicted = rouge.words(of: prediction)
    let normalized = normalize(prediction)
    var best = TextScore.zero
    for reference in references {
      let expected = rouge.words(of: reference)
      best.exactMatch = max(best.exactMatch, areSame(normalize(reference), normalized) ? 1 : 0)
      best.rouge1 = max(best.rouge1, Rouge.rouge1(prediction: predicted, reference: expected))
      best.rougeL = max(best.rougeL, Rouge.rougeL(prediction: predicted, reference: expected))
      best.rougeLsum = max(best.rougeLsum, Rouge.rougeLsum(prediction: predicted, reference: expected))
    }
    return best
  }

  /// A text as exact match sees it: lower case, without ASCII punctuation, runs of white space as one space, none at
  /// the ends (Tk-Instruct's `normalize_answer`).
  public static func normalize(_ text: String) -> String {
    let kept = text.lowercased().unicodeScalars.filter { !PythonText.isPunctuation($0) }
    return kept.split(whereSeparator: PythonText.isSpace).map { String($0) }.joined(separator: " ")
  }

  /// Equality code point by code point, as in Python; Swift's `==` would also equate composed and decomposed letters.
  private static func areSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
