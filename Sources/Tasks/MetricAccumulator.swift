/// A number or a name that a classifier or a regressor gives, or should have given.
public enum LabelValue: Sendable, Equatable, Hashable {
  case number(Double)
  case name(String)
}

/// Collects the answers of one task and turns them into its metrics, from 0 to 1 (correlations from −1).
public struct MetricAccumulator: Sendable {
  /// The metrics asked for.
  public let metrics: [Metric]
  /// The label set in class order; empty: the classes are those that occur.
  public let classes: [String]
  /// Whether exact match is defined for labels too, as the share that is the same.
  public let matchesLabels: Bool
  private var textScores: [TextScore] = []
  private var labels: [LabelValue] = []
  private var predictions: [LabelValue] = []

  public init(metrics: [Metric] = Metric.allCases, classes: [String] = [], matchesLabels: Bool = false) {
    (self.metrics, self.matchesLabels) = (metrics, matchesLabels)
    self.classes = classes.map(TextMetrics.normalize)
  }

  /// The number of answers collected.
  public var count: Int { max(textScores.count, labels.count) }

  /// Adds a generated text and returns its own score. For the label metrics the text is the predicted class (or number)
  /// and the first reference the label.
  @discardableResult
  public mutating func add(prediction: String, references: [String]) -> TextScore {
    let score = TextMetrics.score(prediction: prediction, references: references)
    textScores.append(score)
    labels.append(Self.value(of: references.first ?? ""))
    predictions.append(Self.value(of: prediction))
    return score
  }

  /// Adds a predicted class or number. Not to be mixed with texts in one accumulator.
  public mutating func add(prediction: LabelValue, label: LabelValue) {
    labels.append(label)
    predictions.append(prediction)
  }

  /// Every metric asked for that is defined for what was collected: text metrics for texts, correlations where every
  /// value is a number (and not all the same), the class metrics where labels are names or whole numbers.
  public func results() -> [Metric: Double] {
    var results: [Metric: Double] = [:]
    guard count > 0 else { return results }
    for metric in metrics {
      let value = metric.comparesText ? meanScore(metric) ?? equalShare(metric) : labelScore(metric)
      if let value, value.isFinite { results[metric] = value }
    }
    return results
  }

  private func meanScore(_ metric: Metric) -> Double? {
    guard !textScores.isEmpty else { return nil }
    return textScores.reduce(0) { $0 + ($1[metric] ?? 0) } / Double(textScores.count)
  }

  /// Of labels that are no texts, the share that is the same.
  private func equalShare(_ metric: Metric) -> Double? {
    guard matchesLabels, metric == .exactMatch, !labels.isEmpty else { return nil }
    return Double(zip(labels, predictions).count(where: ==)) / Double(labels.count)
  }

  private func labelScore(_ metric: Metric) -> Double? {
    switch metric {
    case .pearson, .spearman:
      guard let x = Self.numbers(labels), let y = Self.numbers(predictions) else { return nil }
      return metric == .pearson
        ? LabelMetrics.pearson(labels: x, predictions: y) : LabelMetrics.spearman(labels: x, predictions: y)
    case .accuracy, .f1, .f1Macro, .matthews:
      guard let (labels, predictions) = classNumbers() else { return nil }
      let known = classes.isEmpty ? nil : Array(classes.indices)
      return switch metric {
      case .accuracy: LabelMetrics.accuracy(labels: labels, predictions: predictions)
      case .f1: LabelMetrics.f1(labels: labels, predictions: predictions, classes: known)
      case .f1Macro: LabelMetrics.f1Macro(labels: labels, predictions: predictions, classes: known)
      default: LabelMetrics.matthews(labels: labels, predictions: predictions)
      }
    case .exactMatch, .rouge1, .rougeL, .rougeLsum: return nil
    }
  }

  private static func numbers(_ values: [LabelValue]) -> [Double]? {
    var numbers: [Double] = []
    for value in values {
      guard case .number(let number) = value else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// Both series as class numbers: whole numbers as they are, names by their place in ``classes`` or, without any, in
  /// the sorted list of names that occur. A name outside ``classes`` gets a number of its own behind them.
  private func classNumbers() -> (labels: [Int], predictions: [Int])? {
    if classes.isEmpty, let labels = Self.numbers(labels), let predictions = Self.numbers(predictions) {
      // Numbers that are not whole are measurements, not classes.
      guard let labels = Self.wholeNumbers(labels), let predictions = Self.wholeNumbers(predictions) else { return nil }
      return (labels, predictions)
    }
    let names = (labels: labels.map(Self.name), predictions: predictions.map(Self.name))
    let others = Set(names.labels + names.predictions).subtracting(classes).sorted()
    let numbers = Dictionary(
      (classes + others).enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return (names.labels.compactMap { numbers[$0] }, names.predictions.compactMap { numbers[$0] })
  }

  private static func wholeNumbers(_ numbers: [Double]) -> [Int]? {
    let whole = numbers.compactMap { Int(exactly: $0) }
    return whole.count == numbers.count ? whole : nil
  }

  private static func value(of text: String) -> LabelValue {
    if let number = Double(String(PythonText.strip(text))), number.isFinite { return .number(number) }
    return .name(text)
  }

  private static func name(_ value: LabelValue) -> String {
    switch value {
    case .number(let number): Int(exactly: number).map(String.init) ?? String(number)
    case .name(let name): TextMetrics.normalize(name)
    }
  }
}
