import Adapters
import Backbones
import Checkpoints
import Foundation
import ModelTestSupport
import TestSupport
import Testing

/// PEFT's folder: what is written, and what is refused.
struct AdapterFolderTests {
  private let configurations = [
    lora(["c_attn", "c_fc"]) {
      $0.useRSLoRA = true
      $0.loraDropout = 0.05
      $0.rankPattern = [.init(pattern: #"h\.0\.mlp.*"#, value: 2)]
      $0.alphaPattern = [.init(pattern: "c_fc", value: 2.5)]
      $0.modulesToSave = ["ln_f"]
      $0.baseModel = "some/model"
    },
    lora { $0.targetModules = .expression(#".*\.c_(attn|fc)"#) },
    ia3(["c_attn", "mlp.c_proj"], feedforward: ["mlp.c_proj"]),
  ]

  @Test(arguments: 0..<3) func aFolderHoldsTheWholeAdapter(index: Int) throws {
    let model = try AdapterModel(configurations[index], backbone: TestModel.random(), seed: 1)
    model.scatterValues()
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
          "adapter_config.json", "adapter_model.safetensors",
        ])
      let loaded = try AdapterFolder.load(folder, into: TestModel.random())
      #expect(loaded.configuration == model.configuration)
      #expect(loaded.parameters.entries.map(\.name) == model.parameters.entries.map(\.name))
      #expect(Array(loaded.parameters.values) == Array(model.parameters.values))
      // Written again it has the same bytes.
      let second = folder.appending(path: "second")
      try FileManager.default.createDirectory(at: second, withIntermediateDirectories: true)
      try AdapterFolder.write(loaded, to: second)
      for name in [AdapterFolder.configurationName, AdapterFolder.weightsName] {
        #expect(try Data(contentsOf: folder.appending(path: name)) == Data(contentsOf: second.appending(path: name)))
      }
    }
  }

  @Test func aFullModelIsAModelFile() throws {
    let model = try AdapterModel(AdapterConfiguration(peftType: .full), backbone: TestModel.random(), seed: 1)
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
      let file = try SafetensorsFile(folder.appending(path: "model.safetensors"))
      #expect(file.names == TestModel.smallConfiguration.parameterShapes.map(\.name).sorted())
      let other = try AdapterModel(
        AdapterConfiguration(peftType: .full), backbone: TestModel.random(seed: 2), seed: 1)
      try AdapterFolder.loadValues(of: other, from: folder)
      #expect(Array(other.parameters.values) == Array(model.parameters.values))
    }
  }

  /// The text when a written adapter's tensors are changed and it is loaded again.
  private func text(
    _ configuration: AdapterConfiguration = lora(), _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void
  ) throws -> String {
    try withTemporaryFolder { folder in
      let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 1)
      try AdapterFolder.write(model, to: folder)
      let url = folder.appending(path: AdapterFolder.weightsName)
      var tensors = try withExtendedLifetime(SafetensorsFile(url)) { file in
        try file.names.map { (name: $0, shape: try file.info($0).shape, values: try file.array($0)) }
      }
      change(&tensors)
      try SafetensorsWriter.write(to: url, arrays: tensors)
      return errorText { _ = try AdapterFolder.load(folder, into: TestModel.random()) }
        .replacing(url.path, with: "FILE")
    }
  }

  private let a0 = parameterName("transformer.h.0.attn.c_attn", "lora_A.weight")

  @Test func missingTensorsAreNamed() throws {
    let a0 = a0
    #expect(
      try text { $0.removeAll { $0.name == a0 } }
        == "FILE: 1 tensor(s) of the adapter are missing: \(a0); "
        + "was it made for another model or other target_modules?")
  }

  @Test func surplusTensorsAreNamed() throws {
    #expect(
      try text { $0.append(("base_model.model.transformer.h.2.attn.c_attn.lora_A.weight", [1], [0])) }
        == "FILE: 1 tensor(s) have no place in this model and adapter: "
        + "base_model.model.transformer.h.2.attn.c_attn.lora_A.weight")
  }

  @Test func aWrongShapeIsShownBesideTheRightOne() throws {
    let a0 = a0
    let found = try text { tensors in
      let index = tensors.firstIndex { $0.name == a0 }!
      tensors[index].shape = [8, 3]
    }
    #expect(found == "FILE: tensor \(a0) has shape [8, 3], the model and adapter_config.json ask for [3, 8]")
  }

  @Test(arguments: [Float.nan, .infinity]) func numbersThatAreNotFiniteAreRefused(value: Float) throws {
    let a0 = a0
    let found = try text { tensors in tensors[tensors.firstIndex { $0.name == a0 }!].values[5] = value }
    #expect(found == "FILE: tensor \(a0) holds NaN or infinite numbers")
  }

  @Test func aConfigurationThatIsNoObjectIsRefused() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "adapter_config.json")
      try Data("[1]".utf8).write(to: file)
      #expect(
        errorText { _ = try AdapterFolder.configuration(folder) } == "\(file.path): the file is not a JSON object")
    }
  }
}
