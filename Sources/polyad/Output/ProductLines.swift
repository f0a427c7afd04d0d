import Tensors

/// What a verb that runs a model says of its products, where that is not what it would be without a word: bf16, or a
/// library that is missing.
enum ProductLines {
  static func all(_ precision: Precision) -> [String] {
    (precision == .bf16 ? ["products: \(MatrixLibrary.description(precision))"] : []) + notes
  }

  /// Why a library is missing.
  static var notes: [String] { MatrixLibrary.note.map { ["note: \($0)"] } ?? [] }
}
