import Foundation
import TestSupport
import Testing

/// A folder with a small GPT-2 of random numbers, two tasks of text and a recipe, for runs of a second or less.
struct TrainFolder {
  let url: URL
  /// Keys of the recipe and their values in YAML.
  var recipe: [String: String] = [
    "model_name_or_path": "model",
    "output_dir": "run",
    "adapter": "{peft_type: LORA, r: 4, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
    "tasks": """
    [{name: add, format: jsonl, train: add.jsonl, source: "{text}", target: "{answer}"},
     {name: copy, format: jsonl, train: copy.jsonl, source: "{text}", target: "{answer}"}]
    """,
    "max_seq_length": "48", "max_target_length": "12", "train_batch_size": "8", "micro_batches": "5",
    "num_train_epochs": "2.5", "learning_rate": "0.01", "lr_scheduler_type": "constant", "weight_decay": "0.01",
    "logging_steps": "1", "save_steps": "5",
  ]

  /// Numbers of the model: 257 tokens (the bytes and an end), 48 positions, 2 layers of width 16.
  private static let vocabularySize = 257, positionCount = 48, width = 16

  /// The two tasks have 11 and 6 examples: epochs of batches of 8, 8 and 1, with more parts than the last one fills.
  init(_ url: URL) throws {
    self.url = url
    try FileManager.default.createDirectory(at: url.appending(path: "model"), withIntermediateDirectories: true)
    try writeModel()
    let tokenizer = SharedFolder.packageRoot.appending(path: "Sources/Training/Resources/tiny/tokenizer.json")
    try FileManager.default.copyItem(at: tokenizer, to: url.appending(path: "model/tokenizer.json"))
    try write((0..<11).map { ["text": "\($0) + \($0 * 3) = ", "answer": "\($0 * 4)"] }, to: "add.jsonl")
    let words = ["one", "two", "three", "fourteen", "five", "sixty-six"]
    try write(words.map { ["text": "Say \($0): ", "answer": $0] }, to: "copy.jsonl")
  }

  /// Runs `body` with such a folder, which is removed afterwards.
  static func with(_ body: (inout TrainFolder) throws -> Void) throws {
    try withTemporaryFolder {
      var folder = try TrainFolder($0)
      try body(&folder)
    }
  }

  func file(_ path: String) -> URL { url.appending(path: path) }

  /// Writes JSON objects, one a line.
  func write(_ lines: [[String: Any]], to path: String) throws {
    let encoded = try lines.map { try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys) }
    try encoded.reduce(into: Data()) { $0 += $1 + Data("\n".utf8) }.write(to: file(path))
  }

  /// Writes a model whose weights `change` may spoil.
  func writeModel(
    configuration changes: [String: Any] = [:], _ change: (inout [String: TensorFile.Tensor]) -> Void = { _ in }
  ) throws {
    let width = Self.width
    var configuration: [String: Any] = [
      "model_type": "gpt2", "vocab_size": Self.vocabularySize, "n_positions": Self.positionCount, "n_embd": width,
      "n_head": 2, "n_layer": 2, "tie_word_embeddings": false,
    ]
    configuration.merge(changes) { $1 }
    try JSONSerialization.data(withJSONObject: configuration).write(to: file("model/config.json"))

    var shapes = [
      "wte.weight": [Self.vocabularySize, width], "wpe.weight": [Self.positionCount, width], "ln_f.weight": [width],
      "ln_f.bias": [width], "lm_head.weight": [Self.vocabularySize, width],
    ]
    for layer in 0..<2 {
      for (name, shape) in [
        "ln_1.weight": [width], "ln_1.bias": [width], "ln_2.weight": [width], "ln_2.bias": [width],
        "attn.c_attn.weight": [width, 3 * width], "attn.c_attn.bias": [3 * width],
        "attn.c_proj.weight": [width, width], "attn.c_proj.bias": [width], "mlp.c_fc.weight": [width, 4 * width],
        "mlp.c_fc.bias": [4 * width], "mlp.c_proj.weight": [4 * width, width], "mlp.c_proj.bias": [width],
      ] { shapes["h.\(layer).\(name)"] = shape }
    }
    var random = SmallRandom()
    var tensors: [String: TensorFile.Tensor] = [:]
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      let isNorm = name.contains("ln_") && name.hasSuffix("weight")
      let values = (0..<shape.reduce(1, *)).map { _ in (isNorm ? 1 : 0) + 0.2 * random.next() }
      tensors[(name.hasPrefix("lm_head") ? "" : "transformer.") + name] = .init(shape: shape, values: values)
    }
    change(&tensors)
    try TensorFile(tensors: tensors).write(to: file("model/model.safetensors"))
  }

  /// Trains with the recipe, to the end.
  ///
  /// - Parameter settings: Passed with `--set`.
  func train(
    ranks: Int = 1, _ settings: [String] = [], options: [String] = [], shell: String? = nil, rankShell: String? = nil
  ) throws -> PolyadProcess.Outcome {
    try start(ranks: ranks, settings, options: options, shell: shell, rankShell: rankShell).wait()
  }

  /// Starts to train with the recipe.
  func start(
    ranks: Int = 1, _ settings: [String] = [], options: [String] = [], shell: String? = nil, rankShell: String? = nil
  ) throws -> PolyadProcess {
    try writeRecipe()
    return try PolyadProcess(
      ["train", "recipe.yaml"] + settings.flatMap { ["--set", $0] } + options, ranks: ranks, in: url, shell: shell,
      rankShell: rankShell)
  }

  /// Trains to the end in a run folder of its own and returns the bytes of the adapter, or of the model.
  func trained(ranks: Int, as output: String, _ settings: [String] = []) throws -> Data {
    let outcome = try train(ranks: ranks, settings + ["output_dir=\(output)"])
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return try weights(of: output)
  }

  /// Writes recipe.yaml.
  func writeRecipe() throws {
    let text = recipe.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\n" }.joined()
    try Data(text.utf8).write(to: file("recipe.yaml"))
  }

  /// The bytes of a run's adapter, or of its model.
  func weights(of output: String) throws -> Data {
    let adapter = file("\(output)/adapter_model.safetensors")
    let isThere = FileManager.default.fileExists(atPath: adapter.path)
    return try Data(contentsOf: isThere ? adapter : file("\(output)/model.safetensors"))
  }

  /// The lines of a JSON lines file of the run folder.
  func lines(of path: String) -> [[String: Any]] {
    let text = (try? String(contentsOf: file(path), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
    }
  }

  /// The steps that a run's metrics.jsonl has training lines of.
  func steps(of output: String = "run") -> [Int] {
    lines(of: "\(output)/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"] as? Int }
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: file(path).path) }
}

/// A fixed sequence of numbers from -1 to 1.
struct SmallRandom {
  private var state: UInt64 = 1

  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / Float(1 << 23) - 1
  }
}

/// The fp32 tensors of a safetensors file, read and written independently of the program.
struct TensorFile {
  struct Tensor {
    var shape: [Int]
    var values: [Float]
  }

  var tensors: [String: Tensor]

  init(tensors: [String: Tensor]) { self.tensors = tensors }

  init(_ url: URL) throws {
    let bytes = try Data(contentsOf: url)
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: [String: Any]])
    tensors = [:]
    for (name, entry) in header where name != "__metadata__" {
      let offsets = try #require(entry["data_offsets"] as? [Int])
      var values = [Float](repeating: 0, count: (offsets[1] - offsets[0]) / 4)
      _ = values.withUnsafeMutableBytes { bytes[8 + length + offsets[0]..<8 + length + offsets[1]].copyBytes(to: $0) }
      tensors[name] = Tensor(shape: try #require(entry["shape"] as? [Int]), values: values)
    }
  }

  func write(to url: URL) throws {
    var header: [String: Any] = ["__metadata__": ["format": "pt"]]
    var data = Data()
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let start = data.count
      tensor.values.withUnsafeBytes { data.append(contentsOf: $0) }
      header[name] = ["dtype": "F32", "shape": tensor.shape, "data_offsets": [start, data.count]]
    }
    let json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
    let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
    try (length + json + data).write(to: url)
  }

  /// The Euclidean distance of two tensors' values, relative to the second's norm.
  static func distance(_ found: ArraySlice<Float>, _ expected: ArraySlice<Float>) -> Double {
    let difference = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    let norm = expected.reduce(0.0) { $0 + pow(Double($1), 2) }
    return (difference / norm).squareRoot()
  }
}
