import Tensors

/// BERT (Devlin et al. 2019) and RoBERTa (Liu et al. 2019): learned positions and segments, post-norm blocks. They
/// differ in their heads and in where positions start. Weights lie as (outputs, inputs).
extension EncoderConfiguration: BackboneConfiguration {
  public var architecture: Architecture { .encoderOnly }

  private var prefix: String { kind.rawValue + "." }

  public var parameterShapes: [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [
      ("word_embeddings.weight", [vocabularySize, width]), ("position_embeddings.weight", [placeCount, width]),
      ("token_type_embeddings.weight", [tokenTypeCount, width]),
    ].map { (prefix + "embeddings." + $0.0, $0.1) }
    shapes += Self.norm(prefix + "embeddings.LayerNorm", width)
    for layer in 0..<layerCount {
      let block = "\(prefix)encoder.layer.\(layer)."
      for map in ["query", "key", "value"] { shapes += Self.linear("\(block)attention.self.\(map)", width, width) }
      shapes += Self.linear(block + "attention.output.dense", width, width)
      shapes += Self.norm(block + "attention.output.LayerNorm", width)
      shapes += Self.linear(block + "intermediate.dense", innerWidth, width)
      shapes += Self.linear(block + "output.dense", width, innerWidth)
      shapes += Self.norm(block + "output.LayerNorm", width)
    }
    if hasPooler { shapes += Self.linear(prefix + "pooler.dense", width, width) }
    if hasTokenHead {
      let names = kind.tokenHeadNames
      shapes += Self.linear(names.transform, width, width) + Self.norm(names.norm, width)
      shapes.append((names.bias, [vocabularySize]))
      if !tiesEmbeddings { shapes.append((kind.decoderName, [vocabularySize, width])) }
    }
    if let classCount {
      shapes += classifierShapes(outputCount: classCount).map { ("classifier." + $0.suffix, $0.shape) }
    }
    return shapes
  }

  private static func linear(_ path: String, _ outputs: Int, _ inputs: Int) -> [(name: String, shape: [Int])] {
    [(path + ".weight", [outputs, inputs]), (path + ".bias", [outputs])]
  }

  private static func norm(_ path: String, _ width: Int) -> [(name: String, shape: [Int])] {
    [(path + ".weight", [width]), (path + ".bias", [width])]
  }

  /// The arrays of a classification head, in the order of the computation.
  func classifierShapes(outputCount: Int) -> [(suffix: String, shape: [Int])] {
    let projection = [outputCount, width]
    guard kind == .roberta else { return [("weight", projection), ("bias", [outputCount])] }
    return [
      ("dense.weight", [width, width]), ("dense.bias", [width]), ("out_proj.weight", projection),
      ("out_proj.bias", [outputCount]),
    ]
  }

  // MARK: Files

  /// A folder may have more heads than `architectures` says, and a bare encoder may have lost its pooler.
  public func fitting(_ fileNames: Set<String>) -> any BackboneConfiguration {
    func has(_ name: String) -> Bool { self.fileNames(of: name).contains(where: fileNames.contains) }
    var configuration = self
    if has(kind.tokenHeadNames.transform + ".weight") { configuration.hasTokenHead = true }
    if kind == .bert, classCount == nil { configuration.hasPooler = has(prefix + "pooler.dense.weight") }
    return configuration
  }

  /// Bare encoders leave out the leading `bert.`; TensorFlow's names for a norm's arrays live on in the oldest files;
  /// the projection's bias has two names.
  public func fileNames(of name: String) -> [String] {
    let names = [name] + name.withoutPrefix(prefix)
    let old = names.filter { $0.contains("LayerNorm.") }.map {
      $0.replacing("LayerNorm.weight", with: "LayerNorm.gamma").replacing("LayerNorm.bias", with: "LayerNorm.beta")
    }
    return names + old + (name == kind.tokenHeadNames.bias ? [kind.decoderBiasName] : [])
  }

  /// Constants, copies of tied arrays, BERT's sentence-order head, and a pooler that RoBERTa's heads do without.
  public func ignores(_ fileName: String) -> Bool {
    fileName.hasSuffix("embeddings.position_ids") || fileName.hasPrefix("cls.seq_relationship.")
      || fileName == kind.tokenHeadNames.bias || fileName == kind.decoderBiasName
      || (tiesEmbeddings && fileName == kind.decoderName) || (kind == .roberta && fileName.contains("pooler.dense."))
  }

  /// As Hugging Face's: N(0, initializer_range), biases 0, norms 1.
  public func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    if name.hasSuffix(".bias") { return values.update(repeating: 0) }
    if name.lowercased().hasSuffix("norm.weight") { return values.update(repeating: 1) }
    fillNormal(name, values, standardDeviation: initializerRange, seed: seed)
  }

  // MARK: The model

  public func limited(toLayers count: Int) -> any BackboneConfiguration {
    var result = self
    result.layerCount = min(layerCount, count)
    return result
  }

  public func makeBackbone(_ arrays: BackboneArrays) -> any Backbone {
    func norm(_ path: String) -> LayerNorm {
      LayerNorm(gamma: arrays[path + ".weight"], beta: arrays[path + ".bias"], epsilon: epsilon)
    }
    func linear(_ path: String) -> Linear {
      Linear(path: path, weight: arrays[path + ".weight"], bias: arrays[path + ".bias"], layout: .outputsByInputs)
    }
    let tokens = arrays[prefix + "embeddings.word_embeddings.weight"]
    let headWidth = width / headCount
    let core = Attention(
      headCount: headCount, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot(), mask: .full)
    let layers = (0..<layerCount).map { layer -> [ResidualPart] in
      let path = "\(prefix)encoder.layer.\(layer).", own = path + "attention.self."
      let attention = AttentionPart(
        core,
        projection: .separate(queries: linear(own + "query"), keys: linear(own + "key"), values: linear(own + "value")),
        output: linear(path + "attention.output.dense"), layer: layer)
      let feedForward = PlainFeedForward(
        expand: linear(path + "intermediate.dense"), contract: linear(path + "output.dense"), activation: activation)
      return [
        ResidualPart(attention, behind: norm(path + "attention.output.LayerNorm")),
        ResidualPart(feedForward, behind: norm(path + "output.LayerNorm")),
      ]
    }
    let pooler = hasPooler ? linear(prefix + "pooler.dense") : nil
    let names = kind.tokenHeadNames
    let tokenHead =
      hasTokenHead
      ? MaskedLanguageModelHead(
        transform: linear(names.transform), activation: activation, norm: norm(names.norm),
        projection: LanguageModelHead(
          weight: tiesEmbeddings ? tokens : arrays[kind.decoderName], bias: arrays[names.bias])) : nil
    return Encoder(
      self, parameters: arrays.parameters,
      embedding: EncoderEmbedding(
        tokens: tokens, positions: arrays[prefix + "embeddings.position_embeddings.weight"],
        segments: arrays[prefix + "embeddings.token_type_embeddings.weight"],
        norm: norm(prefix + "embeddings.LayerNorm"), paddingId: kind == .roberta ? paddingId : nil),
      stack: Stack(layers, finalNorm: nil), pooler: pooler, classifier: classifier(pooler, linear),
      tokenHead: tokenHead)
  }

  /// The model's own classification head.
  private func classifier(_ pooler: Linear?, _ linear: (String) -> Linear) -> ClassificationHead? {
    guard classCount != nil else { return nil }
    guard kind == .roberta else {
      return pooler.map { ClassificationHead(dense: $0, projection: linear("classifier")) }
    }
    return ClassificationHead(dense: linear("classifier.dense"), projection: linear("classifier.out_proj"))
  }
}

extension EncoderConfiguration.Kind {
  /// The arrays of the head for masked tokens.
  var tokenHeadNames: (transform: String, norm: String, bias: String) {
    switch self {
    case .bert:
      ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias")
    case .roberta: ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")
    }
  }

  /// The projection of that head, tied to the embedding or not.
  var decoderName: String { self == .bert ? "cls.predictions.decoder.weight" : "lm_head.decoder.weight" }

  /// What some files call its bias.
  var decoderBiasName: String { self == .bert ? "cls.predictions.decoder.bias" : "lm_head.decoder.bias" }
}
