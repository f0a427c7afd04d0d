import Tensors

/// A named array of a backbone: frozen, somewhere read-only and shared, or trained.
public final class Parameter {
  /// The name in the model's file, such as `transformer.h.0.ln_1.weight`.
  public let name: String
  public let shape: [Int]
  /// The numbers as rows of the first axis; an array of one axis is one row.
  public let matrix: FrozenMatrix
  /// Where the gradient is added up, in the shape of ``matrix``; nil while the parameter is frozen.
  public private(set) var gradient: Matrix?

  /// - Parameter values: Where the numbers lie; never written through while the parameter is frozen.
  public init(name: String, shape: [Int], values: UnsafeMutablePointer<Float>) {
    (self.name, self.shape, matrix) = (name, shape, FrozenMatrix(Self.matrix(values, shape: shape)))
  }

  /// Another parameter on the numbers of `original`, which can be trained apart.
  init(name: String, sharing original: Parameter) {
    (self.name, shape, matrix) = (name, original.shape, original.matrix.another())
  }

  private static func matrix(_ values: UnsafeMutablePointer<Float>, shape: [Int]) -> Matrix {
    let count = shape.reduce(1, *), rows = shape.count == 1 ? 1 : shape[0]
    return Matrix(base: values, rows: rows, columns: count / max(rows, 1))
  }

  public var count: Int { shape.reduce(1, *) }
  public var isTrained: Bool { gradient != nil }

  /// The path of the module that holds it: the name without its last component.
  public var modulePath: String { name.split(separator: ".").dropLast().joined(separator: ".") }

  /// The numbers of a bias or a norm's weights: one row.
  public var vector: Matrix { matrix.vector }

  /// From now on the numbers live in `values`, which receives a copy of today's, and their gradient in `gradient`.
  public func train(values: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>) {
    precondition(values.count == count && gradient.count == count, "\(name) has \(count) numbers, not \(values.count)")
    matrix.move(to: Self.matrix(values.baseAddress!, shape: shape))
    self.gradient = Self.matrix(gradient.baseAddress!, shape: shape)
  }
}
