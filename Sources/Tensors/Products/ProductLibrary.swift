import Foundation

/// Which library computes which products: a function of the processor and of what is installed, so that the same
/// machine gives the same bits every time.
///
/// oneDNN where the processor has AVX-512: there it is the faster one, its product of some rows does not depend on the
/// rows beside them, and it has products of bf16. OpenBLAS elsewhere, and for small or narrow products, for which it has
/// kernels of its own.
enum ProductLibrary {
  case openBLAS, oneDNN

  /// The library of large products.
  static var current: ProductLibrary { isOpenBLASAlone ? .openBLAS : best }

  /// The variable that may ask for OpenBLAS alone, and what it may say.
  static let variable = (name: "POLYAD_MATMUL", values: ["onednn", "openblas"])

  private static let best: ProductLibrary = {
    let wanted = ProcessInfo.processInfo.environment[variable.name]
    return wanted != "openblas" && OneDNN.level.map { $0 >= .avx512 } ?? false ? .oneDNN : .openBLAS
  }()

  /// Whether the processor multiplies bf16 by itself, and the library at hand makes it.
  static var multipliesBF16: Bool { current == .oneDNN && hasBF16 }

  private static let hasBF16 = OneDNN.level.map { $0 >= .avx512BF16 } ?? false

  /// Whether oneDNN is left aside for a while, to compare the two; changed where no products are under way.
  nonisolated(unsafe) static var isOpenBLASAlone = false

  /// Of a general product in fp32.
  static func forProduct(rows: Int, columns: Int, inner: Int) -> ProductLibrary {
    columns <= narrowColumns || rows * columns * inner <= smallProduct ? .openBLAS : current
  }

  /// Columns of a result that count as few, and multiply-adds as a small product.
  static let narrowColumns = 32, smallProduct = 1 << 19
}
