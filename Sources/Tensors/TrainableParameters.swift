/// Everything that is trained, in one flat array with a fixed layout, and its gradient in another.
///
/// The layout is the order of declaration; names are those of the adapter or model file. The gradient buffer is what the
/// ranks reduce.
public final class TrainableParameters {
  /// What kind of parameter it is, as far as learning rates and weight decay tell kinds apart.
  public enum Role: Sendable, Equatable {
    case weight
    /// The second factor of a low-rank product, LoRA's B.
    case upProjection
    /// Decides how much experts or skills count.
    case router
  }

  /// Rows of a parameter's first axis that belong to one task alone: task t's are first + t · perTask and on, up to
  /// first + (t + 1) · perTask. The rows before `first` are shared by all tasks.
  public struct TaskRows: Sendable, Equatable {
    public let first: Int
    public let perTask: Int

    public init(first: Int, perTask: Int) { (self.first, self.perTask) = (first, perTask) }
  }

  /// A parameter to make room for.
  public struct Declaration: Sendable {
    public let name: String
    public let shape: [Int]
    public let role: Role
    /// nil: shared by all tasks.
    public let taskRows: TaskRows?
    public var count: Int { shape.reduce(1, *) }

    public init(name: String, shape: [Int], role: Role = .weight, taskRows: TaskRows? = nil) {
      self.name = name
      self.shape = shape
      self.role = role
      self.taskRows = taskRows
    }
  }

  /// One parameter's place in the flat arrays.
  public struct Entry: Sendable {
    public let name: String
    public let shape: [Int]
    public let role: Role
    public let taskRows: TaskRows?
    public let range: Range<Int>
  }

  public let entries: [Entry]
  /// All values, end to end.
  public let values: UnsafeMutableBufferPointer<Float>
  /// The gradient of the summed loss of the part at hand, in the same layout.
  public let gradients: UnsafeMutableBufferPointer<Float>
  /// The numbers that train, ascending and merged: at first all of them. The others keep their values, have no part in
  /// an update and never travel; what their gradients hold is never read.
  public private(set) var trainedRanges: [Range<Int>]
  private var isRestricted = false
  private let index: [String: Int]

  /// Zeroed storage for `declarations`; names must differ.
  public init(_ declarations: [Declaration]) {
    var entries: [Entry] = []
    var offset = 0
    for declaration in declarations {
      entries.append(
        Entry(
          name: declaration.name, shape: declaration.shape, role: declaration.role, taskRows: declaration.taskRows,
          range: offset..<offset + declaration.count))
      offset += declaration.count
    }
    self.entries = entries
    index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    trainedRanges = offset > 0 ? [0..<offset] : []
    values = Self.zeros(offset)
    gradients = Self.zeros(offset)
  }

  deinit {
    values.deallocate()
    gradients.deallocate()
  }

  /// How many numbers there are, trained or not.
  public var count: Int { values.count }

  /// Lets nothing train but `ranges`, in any order. At most once, before an optimizer is made.
  public func restrictTraining(to ranges: [Range<Int>]) {
    precondition(!isRestricted, "what trains was restricted before")
    let merged = ranges.merged
    precondition(
      merged.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= count }, "ranges \(merged) of \(count) numbers")
    (trainedRanges, isRestricted) = (merged, true)
  }

  public func entry(_ name: String) -> Entry? { index[name].map { entries[$0] } }

  /// The values of one parameter.
  public func values(_ name: String) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: values[range(name)])
  }

  /// The gradient of one parameter.
  public func gradient(_ name: String) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: gradients[range(name)])
  }

  /// One parameter's values and gradient as matrices of `rows` rows.
  public func pair(_ name: String, rows: Int) -> (values: Matrix, gradient: Matrix) {
    let value = values(name), gradient = gradient(name)
    let columns = value.count / max(rows, 1)
    return (
      Matrix(base: value.baseAddress!, rows: rows, columns: columns),
      Matrix(base: gradient.baseAddress!, rows: rows, columns: columns)
    )
  }

  public func zeroGradients() { gradients.baseAddress!.setZero(count: count) }

  private func range(_ name: String) -> Range<Int> {
    guard let entry = entry(name) else { preconditionFailure("no trainable parameter is called \(name)") }
    return entry.range
  }

  private static func zeros(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    let floats = UnsafeMutableBufferPointer(rebasing: raw.bindMemory(to: Float.self)[0..<count])
    floats.initialize(repeating: 0)
    return floats
  }
}
