/// A task's own classification head as an adapter's folder holds it.
public struct SavedHead: Sendable {
  public let head: TaskHead
  /// In the order of the computation, named behind the head's path, such as `out_proj.weight`.
  let tensors: [(suffix: String, tensor: SavedTensor)]

  /// Numbers in it.
  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.tensor.values.count } }

  /// - Throws: ``TaskHeadError/headIsMissing(task:file:)``, or
  ///   ``SavedAdapterError/wrongShape(name:found:expected:file:)`` when it has not the head's number of outputs.
  init(_ head: TaskHead, suffixes: [String], tensors: [String: SavedTensor], file: String) throws {
    self.head = head
    self.tensors = try suffixes.map { suffix in
      guard let tensor = tensors[Self.name(head, suffix)] else {
        throw TaskHeadError.headIsMissing(task: head.task, file: file)
      }
      return (suffix, tensor)
    }
    // The projection's weight and bias come last.
    for (_, tensor) in self.tensors.suffix(2) where tensor.shape.first != head.labelCount {
      throw SavedAdapterError.wrongShape(
        name: tensor.name, found: tensor.shape, expected: [head.labelCount] + tensor.shape.dropFirst().map { _ in nil },
        file: file)
    }
  }

  static func name(_ head: TaskHead, _ suffix: String) -> String { AdapterPlan.name(head.path, suffix) }

  /// Which of ``TaskHead/suffixes`` the heads of a file have. Names of tasks may hold dots and parts of heads, so that
  /// one head alone does not tell: the first with which all heads are there, or the last.
  static func suffixes(of heads: [TaskHead], in names: Set<String>) -> [String] {
    TaskHead.suffixes.first { suffixes in
      heads.allSatisfy { head in suffixes.allSatisfy { names.contains(name(head, $0)) } }
    } ?? TaskHead.suffixes.last!
  }
}
