import Tensors

/// A named array of a backbone: frozen, somewhere read-only and shared, or trained.
public final class Parameter {
  /// The name in the model's file, such as `transformer.h.0.ln_1.weight`.
  public let name: String
  public let shape: [Int]
  /// The numbers in use: never written through while the parameter is frozen.
  public private(set) var values: UnsafeMutablePointer<Float>
  /// Where the gradient is added up; nil while the parameter is frozen.
  public private(set) var gradient: UnsafeMutablePointer<Float>?

  public init(name: String, shape: [Int], values: UnsafeMutablePointer<Float>) {
    self.name = name
    self.shape = shape
    self.values = values
  }

  public var count: Int { shape.reduce(1, *) }
  public var isTrained: Bool { gradient != nil }

  /// The path of the module that holds it: the name without its last component.
  public var modulePath: String { name.split(separator: ".").dropLast().joined(separator: ".") }

  /// From now on the numbers live in `values`, which receives a copy of today's, and their gradient in `gradient`.
  public func train(values: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>) {
    precondition(values.count == count && gradient.count == count, "\(name) has \(count) numbers, not \(values.count)")
    values.baseAddress!.update(from: self.values, count: count)
    self.values = values.baseAddress!
    self.gradient = gradient.baseAddress!
  }

  /// The values as a matrix of the parameter's first axis by the rest.
  public var matrix: Matrix { Matrix(base: values, rows: shape[0], columns: count / max(shape[0], 1)) }

  /// The gradient in the same shape, while trained.
  public var gradientMatrix: Matrix? {
    gradient.map { Matrix(base: $0, rows: shape[0], columns: count / max(shape[0], 1)) }
  }
}
