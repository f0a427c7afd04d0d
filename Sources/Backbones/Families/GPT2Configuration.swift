import Foundation

/// GPT-2's shape, under the names of its config.json.
public struct GPT2Configuration: Sendable, Equatable {
  public var vocabularySize = 50257
  public var positionCount = 1024
  public var width = 768
  public var layerCount = 12
  public var headCount = 12
  public var innerWidth = 3072
  public var epsilon: Float = 1e-5
  /// Whether scores are divided by √(head width).
  public var scalesScores = true
  /// Whether layer i's scores are further divided by i + 1.
  public var scalesByLayer = false
  public var tiesEmbeddings = true
  /// Standard deviation of random initial weights.
  public var initializerRange: Float = 0.02

  /// The published 124 M parameter shape.
  public init() {}

  /// Reads a config.json.
  ///
  /// - Throws: ``BackboneError`` when a key is missing, of the wrong kind, or asks for something GPT-2 here lacks.
  init(_ reader: ConfigurationReader) throws {
    vocabularySize = try reader.integer("vocab_size")
    positionCount = try reader.integer("n_positions")
    width = try reader.integer("n_embd")
    layerCount = try reader.integer("n_layer", upTo: 10_000)
    headCount = try reader.integer("n_head")
    innerWidth = try reader.optionalInteger("n_inner") ?? 4 * width
    epsilon = Float(try reader.number("layer_norm_epsilon", default: 1e-5))
    scalesScores = try reader.boolean("scale_attn_weights", default: true)
    scalesByLayer = try reader.boolean("scale_attn_by_inverse_layer_idx", default: false)
    initializerRange = Float(try reader.number("initializer_range", default: 0.02))
    tiesEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    _ = try reader.require("activation_function", oneOf: ["gelu_new", "gelu_pytorch_tanh"], default: "gelu_new")
    try reader.refuse("add_cross_attention")
    guard width % headCount == 0 else {
      throw BackboneError.configuration(
        file: reader.file, "n_embd \(width) does not divide into n_head \(headCount) heads")
    }
    try requireCountableNumbers(file: reader.file)
  }

  public var parameterShapes: [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [
      ("transformer.wte.weight", [vocabularySize, width]), ("transformer.wpe.weight", [positionCount, width]),
    ]
    for layer in 0..<layerCount {
      let block = "transformer.h.\(layer)."
      shapes += [
        (block + "ln_1.weight", [width]), (block + "ln_1.bias", [width]),
        (block + "attn.c_attn.weight", [width, 3 * width]), (block + "attn.c_attn.bias", [3 * width]),
        (block + "attn.c_proj.weight", [width, width]), (block + "attn.c_proj.bias", [width]),
        (block + "ln_2.weight", [width]), (block + "ln_2.bias", [width]),
        (block + "mlp.c_fc.weight", [width, innerWidth]), (block + "mlp.c_fc.bias", [innerWidth]),
        (block + "mlp.c_proj.weight", [innerWidth, width]), (block + "mlp.c_proj.bias", [width]),
      ]
    }
    shapes += [("transformer.ln_f.weight", [width]), ("transformer.ln_f.bias", [width])]
    if !tiesEmbeddings { shapes.append(("lm_head.weight", [vocabularySize, width])) }
    return shapes
  }
}
