import Foundation
import TestSupport
import Testing

/// Models whose files hold 16-bit numbers.
struct HalfPrecisionModelTests {
  /// A model's numbers as a file of 16-bit numbers, but for vectors, which stay as they are; and the same numbers, so
  /// rounded, in a file of 32-bit ones.
  private func write(_ tensors: [String: TensorFile.Tensor], as type: String, to half: URL, _ single: URL) throws {
    func bits(_ value: Float) -> UInt16 {
      // What bfloat16 cuts off is rounded to the nearest first.
      type == "F16" ? Float16(value).bitPattern : UInt16((value.bitPattern + 0x7fff) >> 16)
    }
    func rounded(_ value: Float) -> Float {
      type == "F16" ? Float(Float16(value)) : Float(bitPattern: UInt32(bits(value)) << 16)
    }
    var header: [String: Any] = [:], data = Data(), same = tensors
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let start = data.count, isHalf = tensor.shape.count > 1
      if isHalf {
        tensor.values.map(bits).withUnsafeBytes { data.append(contentsOf: $0) }
        same[name]?.values = tensor.values.map(rounded)
      } else {
        tensor.values.withUnsafeBytes { data.append(contentsOf: $0) }
      }
      header[name] = ["dtype": isHalf ? type : "F32", "shape": tensor.shape, "data_offsets": [start, data.count]]
    }
    let json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
    try (withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json + data).write(to: half)
    try TensorFile(tensors: same).write(to: single)
  }

  /// Conversion is exact, so that not a bit of an answer may differ; the ranks share the work of it.
  @Test(arguments: ["gpt2", "llama", "gemma", "t5", "flan-t5", "bert", "roberta"], ["F16", "BF16"])
  func theyScoreAsTheSameNumbersInSinglePrecisionDo(family: String, type: String) throws {
    try FamilyFolder.with(family) { folder in
      let source = try TensorFile(folder.file("model/model.safetensors"))
      try FileManager.default.copyItem(at: folder.file("model"), to: folder.file("half"))
      try write(
        source.tensors, as: type, to: folder.file("half/model.safetensors"), folder.file("model/model.safetensors"))
      func score(_ model: String, ranks: Int) throws -> (lines: String, logits: Data) {
        let outcome = try folder.run(
          ["score", "--model", model, "--input", "batch.jsonl", "--logits", "logits.safetensors"], ranks: ranks)
        return (outcome.standardOutput, try Data(contentsOf: folder.file("logits.safetensors")))
      }
      let expected = try score("model", ranks: 1), found = try score("half", ranks: 2)
      #expect(found.lines == expected.lines && found.logits == expected.logits)
    }
  }
}
