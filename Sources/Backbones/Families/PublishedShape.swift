/// Shapes of published models, for measurements with random weights.
public enum PublishedShape: String, CaseIterable, Sendable {
  /// GPT-2, 124 M parameters.
  case gpt2
  /// Llama 3.2, 1.24 G parameters.
  case llama1B = "llama-1b"
  /// Gemma, 2.51 G parameters.
  case gemma2B = "gemma-2b"
  /// T5 version 1.0, 223 M parameters.
  case t5Base = "t5-base"
  /// Flan-T5, 783 M parameters.
  case flanT5Large = "flan-t5-large"
  /// RoBERTa with a head for two classes, 125 M parameters.
  case robertaBase = "roberta-base"
  /// MiniLM, a BERT of six layers of width 384, with a head for two classes, 23 M parameters.
  case bertMiniLM = "bert-minilm"

  public var configuration: any BackboneConfiguration {
    switch self {
    case .gpt2: return GPT2Configuration()
    case .t5Base: return T5Configuration()
    case .flanT5Large:
      var shape = T5Configuration()
      (shape.width, shape.headCount, shape.innerWidth) = (1024, 16, 2816)
      (shape.encoderLayerCount, shape.decoderLayerCount) = (24, 24)
      shape.feedForward = .gatedGELU
      (shape.tiesEmbeddings, shape.scalesOutputs) = (false, false)
      return shape
    case .robertaBase:
      var shape = EncoderConfiguration(.roberta)
      (shape.vocabularySize, shape.placeCount, shape.tokenTypeCount) = (50_265, 514, 1)
      (shape.epsilon, shape.hasPooler, shape.classCount) = (1e-5, false, 2)
      return shape
    case .bertMiniLM:
      var shape = EncoderConfiguration(.bert)
      (shape.width, shape.layerCount, shape.innerWidth, shape.classCount) = (384, 6, 1536, 2)
      return shape
    case .llama1B:
      var shape = DecoderConfiguration(
        family: "llama", vocabularySize: 128_256, positionCount: 131_072, width: 2048, layerCount: 16, headCount: 32,
        keyHeadCount: 8, headWidth: 64, innerWidth: 8192)
      shape.epsilon = 1e-5
      shape.tiesEmbeddings = true
      shape.rotary = RotaryFrequencies(
        theta: 500_000, scaling: .llama3(factor: 32, lowFactor: 1, highFactor: 4, originalLength: 8192))
      return shape
    case .gemma2B:
      var shape = DecoderConfiguration(
        family: "gemma", vocabularySize: 256_000, positionCount: 8192, width: 2048, layerCount: 18, headCount: 8,
        keyHeadCount: 1, headWidth: 256, innerWidth: 16_384)
      shape.activation = .geluTanh
      shape.normOffset = 1
      shape.embeddingScale = Float(2048).squareRoot()
      shape.tiesEmbeddings = true
      return shape
    }
  }
}
