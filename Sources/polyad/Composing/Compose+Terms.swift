import Adapters
import Checkpoints
import Foundation

/// What is to be added.
extension Compose {
  typealias NamedFolder = (name: String, folder: URL, weight: Double)

  /// What the expression or the weights say.
  ///
  /// - Throws: `UsageError`, `ExpressionError` or `ArithmeticRequestError`.
  func sum(_ operation: ArithmeticOperator) throws -> [NamedFolder] {
    try requireAdapters()
    return try expression.map { try terms(of: $0, operation) } ?? weightedFolders(operation)
  }

  /// - Throws: `UsageError` where no adapter is given.
  func requireAdapters() throws {
    guard !adapters.isEmpty else { throw UsageError("compose needs adapters: give --adapter DIR, or NAME=DIR") }
  }

  private func weightedFolders(_ operation: ArithmeticOperator) throws -> [NamedFolder] {
    guard self.operation != nil else {
      throw UsageError("compose needs an expression, such as \"0.6*a + 0.4*b\", or --operator with --weights")
    }
    let signed = try operation.signedWeights(weights?.values ?? [], adapterCount: adapters.count)
    return zip(adapters, signed).map { adapter, weight in
      // NAME=DIR, as expressions need it, is understood here too.
      let parts = adapter.split(separator: "=", maxSplits: 1).map(String.init)
      let isNamed = parts.count == 2 && !FileSystem.isFolder(URL(filePath: adapter))
      return (isNamed ? parts[0] : adapter, URL(filePath: isNamed ? parts[1] : adapter), weight)
    }
  }

  /// The sum that an expression stands for.
  ///
  /// - Parameter variable: What λ is, where it may be.
  /// - Throws: `UsageError` or `ExpressionError`.
  func terms(
    of expression: String, _ operation: ArithmeticOperator, variable: Double? = nil
  ) throws -> [NamedFolder] {
    guard weights == nil else { throw UsageError("--weights is for --operator without an expression: leave it out") }
    guard operation != .negate, operation != .analogy else {
      throw UsageError(
        "an expression says itself what is negated or subtracted: leave --operator \(operation.rawValue) out")
    }
    let folders = try namedFolders()
    let sum = try AdapterExpression(expression, names: folders.map(\.name), variable: variable)
    if let idle = folders.first(where: { !sum.terms.map(\.name).contains($0.name) }) {
      throw UsageError("--adapter \(idle.name): the expression does not use it; leave it out or add it")
    }
    return sum.terms.map { term in
      (term.name, folders.first { $0.name == term.name }?.folder ?? URL(filePath: term.name), term.weight)
    }
  }

  private func namedFolders() throws -> [(name: String, folder: URL)] {
    var folders: [(name: String, folder: URL)] = []
    for text in adapters {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[1].isEmpty, parts[0].wholeMatch(of: /[\p{L}_][\p{L}\p{N}_.]*/) != nil else {
        throw UsageError(
          "--adapter \(text): with an expression write NAME=DIR, the name of letters, digits, _ and dots")
      }
      guard !folders.contains(where: { $0.name == parts[0] }) else {
        throw UsageError("--adapter \(parts[0]) is given twice: choose another name")
      }
      guard !AdapterExpression.variableNames.contains(parts[0]) else {
        throw UsageError("--adapter \(parts[0]): this name is the number that --search looks for; choose another")
      }
      folders.append((parts[0], URL(filePath: parts[1])))
    }
    return folders
  }
}
