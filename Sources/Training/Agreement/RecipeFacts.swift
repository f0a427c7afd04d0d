import Checkpoints
import Foundation
import Tensors
import Tokenizers

/// What a recipe, and what it names, is on one rank.
extension Recipe {
  /// Every setting. Ranks that save, score or cut a batch otherwise would wait for each other for ever.
  public var facts: [Fact] { settings.map { Fact(.recipe, "`\($0.key)`", $0.value) } }

  /// The content of the model, of the tokenizer and of an adapter. Collective.
  ///
  /// - Parameter adapter: The folder of the adapter that is read beside the model, if any.
  /// - Throws: What says that a model is missing.
  public func fileFacts(adapters: [URL], _ ranks: Ranks) throws -> [Fact] {
    let model = try ModelAssembly.folder(modelNameOrPath)
    let tokenizer =
      tokenizerNameOrPath == modelNameOrPath ? model.url : try ModelAssembly.tokenizerFolder(tokenizerNameOrPath)
    return try FileFacts.facts(
      FileFacts.model(model, hasWeights: initWeights == .pretrained) + FileFacts.tokenizer(tokenizer)
        + adapters.flatMap { FileFacts.adapter($0, isOneOfSeveral: adapters.count > 1) }, ranks)
  }
}

extension TaskAssembly {
  /// What each set holds, as tokens.
  public var facts: [Fact] {
    (training + testing.map(\.examples)).map { set in
      let checksum = Checksum.text(set.checksum)
      return Fact(
        .data, "\(set.split == .train ? "training" : "test") data of task \(set.name)", checksum,
        shown: "\(set.count) examples with checksum \(checksum)")
    }
  }
}

extension TrainableParameters {
  /// What training starts from.
  var facts: [Fact] {
    [
      Fact(.adapter, "the count of parameters", "\(count), \(trainedCount) trained"),
      Fact(
        .adapter, "the checksum of the parameters at the start",
        Checksum.text(Checksum.of(UnsafeRawBufferPointer(values)))),
    ]
  }
}
