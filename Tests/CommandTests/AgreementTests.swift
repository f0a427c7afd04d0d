import Foundation
import Tensors
import TestSupport
import Testing

/// Ranks that have not the same program, recipe, files or processor: refused before anything is written.
struct AgreementTests {
  /// Shell lines that only rank 1 of a job runs.
  private static func onRankOne(_ lines: String) -> String {
    "if [ \"$OMPI_COMM_WORLD_RANK\" = 1 ]; then \(lines); fi"
  }

  /// Moves rank 1 into a folder of its own, from which it reads the same recipe.
  private static let elsewhere = onRankOne(#"set -- "$1" "$2" "$PWD/$3" "${@:4}"; cd other"#)

  /// Trains on two ranks, which do not agree.
  ///
  /// - Returns: What the program said.
  private func refusal(
    _ folder: TrainFolder, code: Int32, _ settings: [String] = [], options: [String] = [], rankShell: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let output = "output_dir=\(folder.file("run").path)"
    let outcome = try folder.train(ranks: 2, settings + [output], options: options, rankShell: rankShell)
    #expect(outcome.exitCode == code, "\(outcome.standardError)", sourceLocation: sourceLocation)
    #expect(outcome.messages.count == 1, "\(outcome.standardError)", sourceLocation: sourceLocation)
    #expect(
      outcome.messages.first?.contains("the ranks do not agree, so nothing was started:") == true,
      sourceLocation: sourceLocation)
    #expect(!folder.exists("run"), sourceLocation: sourceLocation)
    return outcome.standardError
  }

  /// "HOST (rank 1): NAME is VALUE; rank 0 on HOST has OTHER".
  private func expect(
    _ text: String, _ name: String, _ value: String, not other: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var name0 = [CChar](repeating: 0, count: 256)
    gethostname(&name0, 255)
    let host = name0.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    // A file's path is followed by its length and checksum.
    let own = "\(host) (rank 1): \(name) is \(value)", theirs = "; rank 0 on \(host) has \(other)"
    #expect(text.contains(own) && text.contains(theirs), "\(text)", sourceLocation: sourceLocation)
  }

  @Test(arguments: [
    ("learning_rate", "0.02", "0.01"), ("seed", "7", "42"), ("adapter.r", "2", "4"), ("save_steps", "3", "5"),
    ("eval_steps", "2", "null"), ("micro_batches", "4", "5"), ("train_batch_size", "6", "8"),
    ("tasks.1.weight", "2.0", "1.0"),
  ])
  func anotherRecipeIsNamedByItsKey(key: String, value: String, other: String) throws {
    try TrainFolder.with { folder in
      let text = try refusal(
        folder, code: 2, rankShell: Self.onRankOne("set -- \"$@\" --set \(key)=\(value)"))
      expect(text, "`\(key)`", value, not: other)
      #expect(text.contains("Start every rank with the same recipe and options"))
    }
  }

  @Test func anotherOptionIsNamed() throws {
    try TrainFolder.with { folder in
      expect(
        try refusal(folder, code: 2, rankShell: Self.onRankOne("set -- \"$@\" --overwrite")), "`--overwrite`", "on",
        not: "off")
    }
  }

  @Test func anotherBuildOfTheProgramIsNamed() throws {
    try TrainFolder.with { folder in
      let copy = folder.file("polyad")
      try FileManager.default.copyItem(at: PolyadProcess.executable, to: copy)
      let program = try FileHandle(forWritingTo: copy)
      try program.seekToEnd()
      try program.write(contentsOf: Data([0]))
      try program.close()
      let text = try refusal(
        folder, code: 5, rankShell: Self.onRankOne(#"shift; set -- ./polyad "$@""#))
      expect(text, "the program", "\(copy.path) (", not: "")
      // evaluate compares as well, before it reads anything.
      let outcome = try PolyadProcess.run(
        ["evaluate", "recipe.yaml"], ranks: 2, in: folder.url,
        rankShell: Self.onRankOne(#"shift; set -- ./polyad "$@""#))
      #expect(outcome.exitCode == 5 && outcome.standardError.contains("(rank 1): the program is \(copy.path)"))
    }
  }

  #if arch(x86_64)
    @Test func otherKernelsAreRefusedUnlessTheyAreAllowed() throws {
      try TrainFolder.with { folder in
        let shell = Self.onRankOne("export POLYAD_CORETYPE=NEHALEM POLYAD_MATMUL=openblas")
        let text = try refusal(folder, code: 5, rankShell: shell)
        expect(text, "what computes fp32 products", "OpenBLAS (Nehalem)", not: "")
        expect(text, "POLYAD_MATMUL", "openblas", not: "not set")
        #expect(text.contains("or go on with --allow-mixed-processors."))

        let outcome = try folder.train(
          ranks: 2, ["check_steps=1"], options: ["--allow-mixed-processors"], rankShell: shell)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let log = try String(contentsOf: folder.file("run/train.log"), encoding: .utf8)
        #expect(log.contains("note: processors or kernels differ, so the result has not the bits that processors of"))
        #expect(log.contains("what computes fp32 products is OpenBLAS (Nehalem)"))
        #expect(folder.exists("run/adapter_model.safetensors"))
      }
    }
  #endif

  /// Whether a process may have mounts of its own, which takes root and a machine that permits it.
  private static let mayMount: Bool = {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["unshare", "-m", "mount", "--bind", "/proc/version", "/proc/cpuinfo"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  @Test(.enabled(if: mayMount, "needs root and `unshare -m`, to give a rank another /proc/cpuinfo"))
  func anotherProcessorIsNamed() throws {
    try TrainFolder.with { folder in
      let information = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      try information.replacing(/model name\t: .*/, with: "model name\t: Another One").write(
        to: folder.file("cpuinfo"), atomically: true, encoding: .utf8)
      let mount = #"mount --bind "$0" /proc/cpuinfo && exec "$@""#
      let shell = Self.onRankOne("set -- unshare -m bash -c '\(mount)' \"$PWD/cpuinfo\" \"$@\"")
      let text = try refusal(folder, code: 5, rankShell: shell)
      #expect(text.contains("(rank 1): the processor is Another One"), "\(text)")
      let outcome = try folder.train(ranks: 2, options: ["--allow-mixed-processors"], rankShell: shell)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      // The same kernels after all, and so the same bits.
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "alone"))
    }
  }

  // MARK: Files

  /// A folder whose ranks see model and data at one path, each in its own working directory, with the same content.
  private func withFoldersOfTheirOwn(_ body: (inout TrainFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      try FileManager.default.createDirectory(at: folder.file("other"), withIntermediateDirectories: false)
      for name in ["model", "add.jsonl", "copy.jsonl"] {
        try FileManager.default.copyItem(at: folder.file(name), to: folder.file("other/\(name)"))
      }
      folder.recipe["model_name_or_path"] = "/proc/self/cwd/model"
      folder.recipe["tasks"] = folder.recipe["tasks"]?.replacing("train: ", with: "train: /proc/self/cwd/")
      try body(&folder)
    }
  }

  private func change(_ file: URL, _ body: (inout Data) throws -> Void) throws {
    var bytes = try Data(contentsOf: file)
    try body(&bytes)
    try bytes.write(to: file)
  }

  @Test func filesOfTheSameContentAgreeWhereverTheyAre() throws {
    try withFoldersOfTheirOwn { folder in
      let output = "output_dir=\(folder.file("run").path)"
      let outcome = try folder.train(ranks: 2, [output], rankShell: Self.elsewhere)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "alone"))
    }
  }

  @Test func aModelWithAnotherNumberIsNamed() throws {
    try withFoldersOfTheirOwn { folder in
      try change(folder.file("other/model/model.safetensors")) { $0[$0.count / 2] ^= 1 }
      let text = try refusal(folder, code: 4, rankShell: Self.elsewhere)
      expect(text, "the model's model.safetensors", "/proc/self/cwd/model/model.safetensors (", not: "/proc/self/cwd/")
      #expect(text.contains("bytes, checksum ") && text.contains("Copy rank 0's files to every host"))
    }
  }

  @Test func anotherTokenizerIsNamed() throws {
    try withFoldersOfTheirOwn { folder in
      try change(folder.file("other/model/tokenizer.json")) { $0 += Data("\n".utf8) }
      expect(
        try refusal(folder, code: 4, rankShell: Self.elsewhere), "the tokenizer's tokenizer.json",
        "/proc/self/cwd/model/tokenizer.json (", not: "/proc/self/cwd/")
    }
  }

  /// As many examples of as many tokens.
  @Test func dataOfEqualLengthsIsNamedByItsTask() throws {
    try withFoldersOfTheirOwn { folder in
      try change(folder.file("other/add.jsonl")) { bytes in
        let place = try #require(bytes.range(of: Data("\"answer\":\"4\"".utf8)))
        bytes[place.upperBound - 2] = UInt8(ascii: "5")
      }
      let text = try refusal(folder, code: 3, rankShell: Self.elsewhere)
      expect(text, "training data of task add", "11 examples with checksum ", not: "11 examples with checksum ")
      #expect(text.contains("Copy the data to every host") && !text.contains("task copy"))
    }
  }

  @Test func anotherAdapterToStartFromIsNamed() throws {
    try withFoldersOfTheirOwn { folder in
      _ = try folder.trained(ranks: 1, as: "start", ["max_steps=1"])
      try FileManager.default.copyItem(at: folder.file("start"), to: folder.file("other/start"))
      try change(folder.file("other/start/adapter_model.safetensors")) { $0[$0.count - 4] ^= 1 }
      folder.recipe["adapter"] = "{init_from: /proc/self/cwd/start}"
      expect(
        try refusal(folder, code: 4, rankShell: Self.elsewhere), "the adapter's adapter_model.safetensors",
        "/proc/self/cwd/start/adapter_model.safetensors (", not: "/proc/self/cwd/")
    }
  }

  // MARK: A run folder that only rank 0 sees

  @Test(arguments: [
    "{peft_type: LORA, r: 4, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}", "{peft_type: FULL}",
    "{init_from: /proc/self/cwd/start}",
  ])
  func rankZeroAloneReadsTheCheckpoint(adapter: String) throws {
    try withFoldersOfTheirOwn { folder in
      _ = try folder.trained(ranks: 1, as: "start", ["max_steps=1"])
      try FileManager.default.copyItem(at: folder.file("start"), to: folder.file("other/start"))
      folder.recipe["adapter"] = adapter
      let whole = try folder.trained(ranks: 1, as: "whole")
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=5"])
      // What the adapter started from is no longer needed.
      for name in ["start", "other/start"] { try FileManager.default.removeItem(at: folder.file(name)) }
      let outcome = try folder.train(
        ranks: 2, ["output_dir=/proc/self/cwd/run"], options: ["--resume"], rankShell: Self.elsewhere)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("resumed from /proc/self/cwd/run/checkpoint-5 at step 5 of 8"))
      #expect(try folder.weights(of: "run") == whole)
      #expect(folder.steps() == Array(1...8) && !folder.exists("other/run"))
    }
  }
}
