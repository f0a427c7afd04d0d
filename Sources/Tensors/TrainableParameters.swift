/// Everything that is trained, in one flat array with a fixed layout, and its gradient in another.
///
/// The layout is the order of declaration; names are those of the adapter or model file. The gradient buffer is what the
/// ranks reduce.
public final class TrainableParameters {
  /// How a parameter's learning rate and decay are set.
  public struct Declaration: Sendable {
    public let name: String
    public let shape: [Int]
    public var count: Int { shape.reduce(1, *) }

    public init(name: String, shape: [Int]) {
      self.name = name
      self.shape = shape
    }
  }

  /// One parameter's place in the flat arrays.
  public struct Entry {
    public let name: String
    public let shape: [Int]
    public let range: Range<Int>
  }

  public let entries: [Entry]
  /// All values, end to end.
  public let values: UnsafeMutableBufferPointer<Float>
  /// The gradient of the summed loss of the part at hand, in the same layout.
  public let gradients: UnsafeMutableBufferPointer<Float>
  private let index: [String: Int]

  /// Zeroed storage for `declarations`; names must differ.
  public init(_ declarations: [Declaration]) {
    var entries: [Entry] = []
    var offset = 0
    for declaration in declarations {
      entries.append(Entry(name: declaration.name, shape: declaration.shape, range: offset..<offset + declaration.count))
      offset += declaration.count
    }
    self.entries = entries
    index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    values = Self.zeros(offset)
    gradients = Self.zeros(offset)
  }

  deinit {
    values.deallocate()
    gradients.deallocate()
  }

  /// How many numbers are trained.
  public var count: Int { values.count }

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

  public func zeroGradients() { gradients.update(repeating: 0) }

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
