/// Scores of two equally long series: labels and predictions, as scikit-learn and SciPy compute them.
public enum LabelMetrics {
  /// The share of places where the two are the same.
  public static func accuracy(labels: [Int], predictions: [Int]) -> Double {
    precondition(labels.count == predictions.count, "\(labels.count) labels, \(predictions.count) predictions")
    guard !labels.isEmpty else { return .nan }
    return Double(zip(labels, predictions).count(where: ==)) / Double(labels.count)
  }

  /// F1 of one class: 2 TP / (2 TP + FP + FN), 0 where neither series has it.
  public static func f1(labels: [Int], predictions: [Int], ofClass positive: Int) -> Double {
    let hits = zip(labels, predictions).count { $0 == positive && $1 == positive }
    let total = labels.count { $0 == positive } + predictions.count { $0 == positive }
    return total == 0 ? 0 : 2 * Double(hits) / Double(total)
  }

  /// The mean F1 of the classes, each with the same weight.
  ///
  /// - Parameter classes: The classes to average over; nil: those in either series.
  public static func f1Macro(labels: [Int], predictions: [Int], classes: [Int]? = nil) -> Double {
    let classes = classes ?? Set(labels + predictions).sorted()
    guard !classes.isEmpty else { return .nan }
    let sum = classes.reduce(0) { $0 + f1(labels: labels, predictions: predictions, ofClass: $1) }
    return sum / Double(classes.count)
  }

  /// F1 of class 1 where every label and prediction is 0 or 1, else the macro average.
  public static func f1(labels: [Int], predictions: [Int], classes: [Int]? = nil) -> Double {
    let isBinary = Set(classes ?? labels + predictions).isSubset(of: [0, 1])
    return isBinary
      ? f1(labels: labels, predictions: predictions, ofClass: 1)
      : f1Macro(labels: labels, predictions: predictions, classes: classes)
  }

  /// Matthews correlation for K classes (Gorodkin 2004):
  ///
  ///     R = (c s − Σ_k p_k t_k) / √((s² − Σ_k p_k²) (s² − Σ_k t_k²))
  ///
  /// c correct of s, p_k predictions and t_k labels of class k. 0 where a series has one class only.
  public static func matthews(labels: [Int], predictions: [Int]) -> Double {
    precondition(labels.count == predictions.count, "\(labels.count) labels, \(predictions.count) predictions")
    guard !labels.isEmpty else { return .nan }
    let truth = Dictionary(labels.map { ($0, 1.0) }, uniquingKeysWith: +)
    let guess = Dictionary(predictions.map { ($0, 1.0) }, uniquingKeysWith: +)
    let total = Double(labels.count)
    let correct = Double(zip(labels, predictions).count(where: ==))
    // Sums of products of counts are whole numbers, so their order does not matter.
    let crossing = guess.reduce(0) { $0 + $1.value * (truth[$1.key] ?? 0) }
    let guessSpread = total * total - guess.values.reduce(0) { $0 + $1 * $1 }
    let truthSpread = total * total - truth.values.reduce(0) { $0 + $1 * $1 }
    guard guessSpread > 0, truthSpread > 0 else { return 0 }
    return (correct * total - crossing) / (guessSpread * truthSpread).squareRoot()
  }

  /// Pearson's correlation; not a number where a series is constant or has fewer than two values.
  public static func pearson(labels: [Double], predictions: [Double]) -> Double {
    precondition(labels.count == predictions.count, "\(labels.count) labels, \(predictions.count) predictions")
    guard labels.count > 1 else { return .nan }
    let x = centered(labels)
    let y = centered(predictions)
    let spread = dot(x, x).squareRoot() * dot(y, y).squareRoot()
    guard spread > 0 else { return .nan }
    return min(max(dot(x, y) / spread, -1), 1)
  }

  /// Spearman's correlation: Pearson's, of the ranks; equal values share the mean of their ranks.
  public static func spearman(labels: [Double], predictions: [Double]) -> Double {
    pearson(labels: ranks(labels), predictions: ranks(predictions))
  }

  private static func centered(_ values: [Double]) -> [Double] {
    let mean = values.reduce(0, +) / Double(values.count)
    return values.map { $0 - mean }
  }

  private static func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }

  private static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = Array(repeating: 0.0, count: values.count)
    var start = 0
    while start < order.count {
      let end = order[start...].firstIndex { values[$0] != values[order[start]] } ?? order.count
      for place in start..<end { ranks[order[place]] = Double(start + 1 + end) / 2 }
      start = end
    }
    return ranks
  }
}
