import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Test
func everyGPT2FixtureFileOpensAndSurvivesARoundTrip() throws {
  let root = try Fixtures.url("backbones/gpt2")
  let paths = try FileSystem.filesBelow(root).filter { $0.hasSuffix(".safetensors") }
  #expect(paths.contains("model.safetensors") && paths.contains("adapters/lora/expected.safetensors"))
  try withTemporaryFolder { folder in
    for path in paths {
      let file = try SafetensorsFile(root.appending(path: path))
      #expect(!file.names.isEmpty, "\(path)")
      let arrays = try file.names.map { (name: $0, shape: try file.info($0).shape, values: try file.array($0)) }
      #expect(arrays.allSatisfy { $0.values.allSatisfy(\.isFinite) }, "\(path)")
      let copy = folder.appending(path: "copy.safetensors")
      try SafetensorsWriter.write(to: copy, arrays: arrays, metadata: file.metadata)
      try SafetensorsWriter.verify(copy, arrays: arrays)
    }
  }
}

@Test
func theGPT2FixtureIsAModelFolder() throws {
  let model = try ModelFolder.resolve("backbones/gpt2", relativeTo: Fixtures.root)
  #expect(model.modelType == "gpt2")
  let weights = try model.weights()
  let info = try weights.require("transformer.h.0.attn.c_attn.weight", shape: [48, 144])
  #expect(info.dataType == .float32)
  // The reference writer aligns its data, so that these are read in place.
  #expect(try weights.floats("transformer.h.0.attn.c_attn.weight")?.count == 48 * 144)
}
