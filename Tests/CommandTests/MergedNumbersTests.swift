import Checkpoints
import Foundation
import TestSupport
import Testing

/// The numbers that `polyad merge` writes.
struct MergedNumbersTests {
  /// W + s B A by the plain loop, in 64 bits. Shapes: W (outputs, inputs), A (r, inputs), B (outputs, r).
  private func folded(_ path: String, scale: Double, of folder: MergeFolder) throws -> [Double] {
    let adapter = try folder.adapterWeights(), prefix = "base_model.model.\(path)"
    let w = try folder.weights("model").array(path + ".weight")
    let a = try adapter.array(prefix + ".lora_A.weight"), b = try adapter.array(prefix + ".lora_B.weight")
    let shape = try adapter.info(prefix + ".lora_A.weight").shape, (r, inputs) = (shape[0], shape[1])
    return w.indices.map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: inputs)
      return (0..<r).reduce(Double(w[index])) {
        $0 + scale * Double(b[row * r + $1]) * Double(a[$1 * inputs + column])
      }
    }
  }

  private func path(_ layer: Int, _ map: String) -> String { "model.layers.\(layer).self_attn.\(map)" }

  /// Takes all but two ranks away from a map of the adapter.
  private func halveRank(at path: String, of folder: MergeFolder) throws {
    let old = try folder.adapterWeights(), a = "base_model.model.\(path).lora_A.weight"
    let b = "base_model.model.\(path).lora_B.weight", rows = try old.info(b).shape[0], r = try old.info(b).shape[1]
    let columns = try old.info(a).shape[1], values = try old.array(b)
    try folder.put(
      [
        a: .init([2, columns], Array(try old.array(a).prefix(2 * columns))),
        b: .init([rows, 2], (0..<rows).flatMap { values[$0 * r..<$0 * r + 2] }),
      ], in: "adapter/adapter_model.safetensors")
  }

  /// r = 4 and α = 8 where the patterns say nothing: s = α / r, with rsLoRA α / √r.
  @Test(arguments: [false, true]) func theScaleIsThatOfTheConfiguration(usesRSLoRA: Bool) throws {
    try MergeFolder.with("llama", "lora") { folder in
      try folder.set(
        [
          "use_rslora": usesRSLoRA, "alpha_pattern": ["v_proj": 6],
          "rank_pattern": ["layers.0.self_attn.q_proj": 2],
        ], in: "adapter/adapter_config.json")
      try halveRank(at: path(0, "q_proj"), of: folder)
      let report = try folder.merge(), merged = try folder.weights("out")
      for layer in 0..<2 {
        for map in ["q_proj", "v_proj"] {
          let r = layer == 0 && map == "q_proj" ? 2.0 : 4, alpha = map == "v_proj" ? 6.0 : 8
          let scale = alpha / (usesRSLoRA ? r.squareRoot() : r)
          let expected = try folded(path(layer, map), scale: scale, of: folder)
          let found = try merged.array(path(layer, map) + ".weight")
          // One rounding to 32 bits of numbers below 1; another order of the 64-bit sum is far below that.
          #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) <= 0x1p-24 } && found.count == expected.count)
        }
      }
      // Single precision through a few layers.
      #expect(report.maps == 4 && report.probe.map { $0.relativeDifference < 2e-5 } == true)
    }
  }

  /// Where the sum lies just above the middle of two 16-bit numbers, a step through 32 bits would lose on which side.
  @Test(arguments: [(DataType.float16, 0x1p-10 as Float), (.bfloat16, 0x1p-7)])
  func sixteenBitsStayAndAreRoundedOnce(type: DataType, unit: Float) throws {
    try MergeFolder.with("llama", "lora") { folder in
      let name = path(0, "q_proj"), prefix = "base_model.model.\(name)"
      let model = try folder.weights("model"), adapter = try folder.adapterWeights()
      var w = try model.array(name + ".weight"), a = try adapter.array(prefix + ".lora_A.weight")
      var b = try adapter.array(prefix + ".lora_B.weight")
      // s = 2: W₀₀ = 1 gets half a unit and 2⁻⁴⁰.
      w[0] = 1
      for (rank, (first, second)) in [(Float(1), unit / 4), (0x1p-20, 0x1p-21), (0, 0), (0, 0)].enumerated() {
        (a[rank * 48], b[rank]) = (first, second)
      }
      try folder.put([name + ".weight": .init([48, 48], w)], in: "model/model.safetensors")
      try folder.put(
        [prefix + ".lora_A.weight": .init([4, 48], a), prefix + ".lora_B.weight": .init([48, 4], b)],
        in: "adapter/adapter_model.safetensors")
      try folder.narrow(to: type)
      let report = try folder.merge(), before = try folder.weights("model"), merged = try folder.weights("out")
      #expect(report.dtypes == [type.rawValue, "F32"] && report.maps == 4)
      #expect(try merged.array(name + ".weight")[0] == 1 + unit)
      for name in before.names {
        #expect(try merged.info(name).dataType == before.info(name).dataType)
        guard name.contains("q_proj") || name.contains("v_proj") else {
          #expect(try Array(merged.bytes(name)) == Array(before.bytes(name)))
          continue
        }
        let expected = try folded(String(name.dropLast(".weight".count)), scale: 2, of: folder)
        #expect(try merged.array(name) == type.rounded(expected))
      }
    }
  }

  /// Changes below the 16-bit numbers' distance are no changes; 32 bits tell them apart.
  @Test(arguments: [DataType.float16, .bfloat16]) func whatRoundingLosesIsNoChange(type: DataType) throws {
    try MergeFolder.with("llama", "lora") { folder in
      let old = try folder.adapterWeights(), factors = old.names.filter { $0.contains("lora_B") }
      try folder.put(
        Dictionary(
          uniqueKeysWithValues: factors.map { name in
            var values = [Float](repeating: 0, count: try old.info(name).elementCount)
            if name.contains("layers.0.self_attn.q_proj") { values[0] = 0x1p-26 }
            return (name, .init(try old.info(name).shape, values))
          }), in: "adapter/adapter_model.safetensors")
      // A sum with nothing takes the sign of a zero away, which changes nothing.
      let map = path(1, "v_proj") + ".weight", model = try folder.weights("model")
      var values = try model.array(map)
      values[5] = -0.0
      try folder.put([map: .init([24, 48], values)], in: "model/model.safetensors")
      try folder.narrow(to: type)
      let refusal = "would leave every weight as it is: is it trained? Nothing is written"
      let types = "\(type.rawValue), F32"
      try folder.expectRefusal(refusal + " (\(types) may round its changes away: --dtype F32 keeps smaller ones)")
      try folder.expectRefusal(refusal, ["--dtype", type.rawValue])
      #expect(try folder.merge(["--dtype", "F32"]).maps == 4)
    }
  }

  @Test func buffersOfIntegersStayAsTheyAre() throws {
    try MergeFolder.with("bert", "lora") { folder in
      let name = "bert.embeddings.position_ids"
      let buffer = MergeFolder.Tensor([1, 128], integers: Array(0..<128))
      try folder.put([name: buffer], in: "model/model.safetensors")
      for (arguments, type) in [([], "F32"), (["--dtype", "BF16"], "BF16")] {
        #expect(try folder.merge(arguments).dtypes == [type])
        let merged = try folder.weights("out")
        #expect(try merged.info(name).dataType == .int64 && Array(merged.bytes(name)) == buffer.bytes)
        try FileManager.default.removeItem(at: folder.file("out"))
      }
    }
  }

  /// Two ranks that cancel in 64 bits, and by far not in the 32 that the adapted model computes in.
  @Test(arguments: [DataType.float32, .float16, .bfloat16], [false, true])
  func anUnsoundMergeIsRefused(type: DataType, hasBuffer: Bool) throws {
    try MergeFolder.with("llama", "lora") { folder in
      let prefix = "base_model.model.\(path(0, "v_proj"))", old = try folder.adapterWeights()
      let row = try old.array(prefix + ".lora_A.weight").prefix(48).map { ($0 * 64).rounded() / 64 }
      let zeros = [Float](repeating: 0, count: 2 * 48)
      try folder.put(
        [
          prefix + ".lora_A.weight": .init([4, 48], row + row.map { 3 * $0 } + zeros),
          prefix + ".lora_B.weight": .init([24, 4], (0..<24).flatMap { _ in [0x3p30, -0x1p30, 0, 0] as [Float] }),
        ], in: "adapter/adapter_model.safetensors")
      if type != .float32 { try folder.narrow(to: type) }
      if hasBuffer {
        try folder.put(["model.position_ids": .init([1, 4], integers: [0, 1, 2, 3])], in: "model/model.safetensors")
      }
      try folder.expectRefusal("the merge is not sound, and nothing is written")
    }
  }
}
