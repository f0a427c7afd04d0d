/// A number that says how good a set of answers is; raw values are the names in recipes and reports.
public enum Metric: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
  /// Share of answers equal to a reference after ``TextMetrics/normalize(_:)``.
  case exactMatch = "exact_match"
  /// F-measure of the words in common.
  case rouge1
  /// F-measure of the longest common subsequence of words.
  case rougeL
  /// F-measure of the union of the lines' longest common subsequences.
  case rougeLsum
  /// Share of predictions equal to the label.
  case accuracy
  /// F1 of class 1 where the classes are 0 and 1, else the same as ``f1Macro``.
  case f1
  /// The unweighted mean of the classes' F1.
  case f1Macro = "f1_macro"
  /// Matthews correlation coefficient, for any number of classes.
  case matthews
  /// Linear correlation of two series of numbers.
  case pearson
  /// Correlation of the ranks of two series of numbers.
  case spearman

  /// Whether the metric compares texts one by one (and is their mean), not two whole series of labels.
  public var comparesText: Bool {
    switch self {
    case .exactMatch, .rouge1, .rougeL, .rougeLsum: true
    case .accuracy, .f1, .f1Macro, .matthews, .pearson, .spearman: false
    }
  }
}
