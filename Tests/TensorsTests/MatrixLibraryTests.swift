import Testing

@testable import Tensors

struct MatrixLibraryTests {
  @Test func theLibrariesSayWhatTheyAre() {
    #expect(!MatrixLibrary.coreName.isEmpty)
    for precision in Precision.allCases {
      #expect(MatrixLibrary.description(precision).contains("OpenBLAS (\(MatrixLibrary.coreName))"))
    }
    #expect(MatrixLibrary.description(.fp32).contains("oneDNN") == (ProductLibrary.current == .oneDNN))
  }

  @Test func aMissingLibraryIsNamedWithWhatToDo() {
    #expect(OneDNN.reason(.notBuilt) == "this program was built without its headers (Debian's libdnnl-dev)")
    #expect(OneDNN.reason(.notInstalled).hasPrefix("libdnnl"))
    #expect(OneDNN.reason(.notInstalled).hasSuffix("is not installed here (Debian's libdnnl2)"))
    #expect(OneDNN.reason(.unfit).contains("is not of version "))
  }

  @Test func aLibraryThatIsNoneIsRefused() {
    #expect(
      MatrixLibrary.fault(in: ["POLYAD_MATMUL": "mkl"]) == "POLYAD_MATMUL is \"mkl\"; it must be onednn or openblas")
    for value in ["onednn", "openblas"] { #expect(MatrixLibrary.fault(in: ["POLYAD_MATMUL": value]) == nil) }
    #expect(MatrixLibrary.fault(in: [:]) == nil)
  }

  /// Else this build measures and tests a lesser program.
  @Test(.enabled(if: MatrixLibrary.processorHasAVX512, "without AVX-512 OpenBLAS computes all"))
  func aProcessorWithItsInstructionsHasOneDNN() {
    #expect(OneDNN.level != nil, "\(MatrixLibrary.note ?? "")")
  }
}
