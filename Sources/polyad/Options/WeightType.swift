import ArgumentParser
import Checkpoints

/// The types that weights are written in.
enum WeightType: String, CaseIterable, ExpressibleByArgument {
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"

  /// In capitals or not, as the names of files' types are typed.
  init?(argument: String) { self.init(rawValue: argument.uppercased()) }

  var dataType: DataType {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    }
  }
}
