import Tensors

/// A named array of a backbone: frozen, somewhere read-only and shared, or trained.
public final class Parameter {
  /// The name in the model's file, such as `transformer.h.0.ln_1.weight`.
  public let name: String
  public let shape: [Int]
  /// The name of the file's array that the numbers come from: ``name``, or another's whose numbers were shared.
  public let origin: String
  /// The numbers as rows of the first axis; an array of one axis is one row.
  public let matrix: FrozenMatrix
  /// Where the gradient is added up, in the shape of ``matrix``; nil while the parameter is frozen.
  public private(set) var gradient: Matrix?

  /// - Parameter numbers: Where they lie, those of an array of one axis in fp32; never written through while the
  ///   parameter is frozen.
  public init(name: String, shape: [Int], numbers: FrozenNumbers) {
    let (rows, columns) = Self.axes(shape)
    (self.name, self.shape, origin) = (name, shape, name)
    matrix = FrozenMatrix(numbers, rows: rows, columns: columns)
  }

  /// Another parameter on the numbers of `original`, which can be trained apart.
  init(name: String, sharing original: Parameter) {
    (self.name, shape, origin) = (name, original.shape, original.origin)
    matrix = original.matrix.another()
  }

  private static func axes(_ shape: [Int]) -> (rows: Int, columns: Int) {
    let count = shape.reduce(1, *), rows = shape.count == 1 ? 1 : shape[0]
    return (rows, count / max(rows, 1))
  }

  private static func matrix(_ values: UnsafeMutableBufferPointer<Float>, shape: [Int]) -> Matrix {
    let (rows, columns) = axes(shape)
    return Matrix(base: values.baseAddress!, rows: rows, columns: columns)
  }

  public var count: Int { shape.reduce(1, *) }
  public var isTrained: Bool { gradient != nil }

  /// The path of the module that holds it: the name without its last component.
  public var modulePath: String { name.split(separator: ".").dropLast().joined(separator: ".") }

  /// The numbers of a bias or a norm's weights: one row.
  public var vector: Matrix { matrix.vector }

  /// From now on the numbers live in `values`, which receives a copy of today's in fp32, and their gradient in
  /// `gradient`.
  public func train(values: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>) {
    precondition(values.count == count && gradient.count == count, "\(name) has \(count) numbers, not \(values.count)")
    matrix.move(to: Self.matrix(values, shape: shape))
    self.gradient = Self.matrix(gradient, shape: shape)
  }
}
