import Tensors

/// What a verb that runs a model says of its products, where they are not what the user may expect: bf16 at the speed of
/// fp32, or a library that is missing.
enum ProductLines {
  static func all(_ precision: Precision) -> [String] {
    let isConverted = precision == .bf16 && !MatrixLibrary.multipliesBF16
    return (isConverted ? ["products: \(MatrixLibrary.description(precision))"] : []) + notes
  }

  /// Why a library is missing.
  static var notes: [String] { MatrixLibrary.note.map { ["note: \($0)"] } ?? [] }
}
