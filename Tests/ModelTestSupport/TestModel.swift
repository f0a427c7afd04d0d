import Backbones
import Checkpoints
import Tasks
import Tensors
import Training

/// Small models for tests, alone in their process: no node communicator, no shared memory.
public enum TestModel {
  /// A GPT-2 small enough for central differences; every axis has a length of its own.
  public static var smallConfiguration: GPT2Configuration {
    var configuration = GPT2Configuration()
    configuration.vocabularySize = 13
    configuration.positionCount = 16
    configuration.width = 8
    configuration.layerCount = 2
    configuration.headCount = 2
    configuration.innerWidth = 12
    return configuration
  }

  /// A T5 as small.
  public static var smallT5Configuration: T5Configuration {
    var configuration = T5Configuration()
    (configuration.vocabularySize, configuration.width, configuration.innerWidth) = (13, 10, 14)
    (configuration.headCount, configuration.headWidth) = (2, 3)
    (configuration.encoderLayerCount, configuration.decoderLayerCount) = (2, 2)
    (configuration.bucketCount, configuration.maximumDistance) = (8, 6)
    return configuration
  }

  /// Numbers far from a fresh model's: nothing is zero or one, so that every term of a formula counts.
  public static func arrays(_ configuration: any BackboneConfiguration, seed: UInt64 = 1) -> [String: [Float]] {
    let pairs = configuration.parameterShapes.map { name, shape in
      var values = [Float](repeating: 0, count: shape.reduce(1, *))
      let key = RandomKey(seed: seed).child(name)
      values.withUnsafeMutableBufferPointer { key.fillNormal($0, standardDeviation: 0.3) }
      let isNorm = name.hasSuffix("weight") && ["ln_", "norm", "Norm"].contains { name.contains($0) }
      return (name, isNorm ? values.map { $0 + 1 } : values)
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  /// A model on copies of `arrays`, matrices rounded to nearest even where they are held in bf16.
  ///
  /// The copies are never freed: a backbone does not own its numbers, and a test's models are small.
  public static func backbone(
    _ configuration: any BackboneConfiguration, _ arrays: [String: [Float]], precision: Precision = .fp32
  ) -> any Backbone {
    let shapes = Dictionary(uniqueKeysWithValues: configuration.parameterShapes.map { ($0.name, $0.shape) })
    return configuration.makeBackbone { name in
      switch precision.holding(shape: shapes[name]!) {
      case .fp32: .fp32(copy(arrays[name]!))
      case .bf16:
        .bf16(UnsafePointer(copy(arrays[name]!.map { UInt16(truncatingIfNeeded: $0.inBF16.bitPattern >> 16) })))
      }
    }
  }

  private static func copy<Number>(_ numbers: [Number]) -> UnsafeMutablePointer<Number> {
    let memory = UnsafeMutableBufferPointer<Number>.allocate(capacity: numbers.count)
    _ = memory.initialize(from: numbers)
    return memory.baseAddress!
  }

  /// A small model with ``arrays(_:seed:)``.
  public static func random(
    _ configuration: any BackboneConfiguration = smallConfiguration, seed: UInt64 = 1
  ) -> any Backbone {
    backbone(configuration, arrays(configuration, seed: seed))
  }
}

/// One example as tests write it.
public struct TestSequence: Sendable, Codable {
  public var tokens: [Int32]
  /// -100 where there is no label. One a token or, for an encoder-decoder model, the answer.
  public var labels: [Int32]
  /// The class, or the number, of a sequence that is classified; nil: it has labels.
  public var label: Double?
  /// As many as tokens; empty: 0 for all.
  public var tokenTypes: [Int32] = []
  /// What classifies it.
  public var head = HeadChoice.classifier
  public var task: Int
  public var ordinal: UInt64 = 0

  enum CodingKeys: String, CodingKey {
    case tokens = "input_ids"
    case labels, label, task
  }

  public init(tokens: [Int32], labels: [Int32], task: Int = 0, ordinal: UInt64 = 0) {
    (self.tokens, self.labels, self.task, self.ordinal) = (tokens, labels, task, ordinal)
  }

  public init(from decoder: any Swift.Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    tokens = try keys.decode([Int32].self, forKey: .tokens)
    labels = try keys.decodeIfPresent([Int32].self, forKey: .labels) ?? []
    label = try keys.decodeIfPresent(Double.self, forKey: .label)
    task = try keys.decode(Int.self, forKey: .task)
  }

  var example: TokenizedExample {
    TokenizedExample(
      id: "", inputIds: tokens[...], tokenTypes: tokenTypes[...], labels: labels[...], promptLength: tokens.count,
      label: label)
  }

  /// Ragged sources and answers, with gaps among the labels; one answer has a single label that counts.
  public static func pairs(vocabularySize: Int = 13) -> [TestSequence] {
    zip(ragged(vocabularySize: vocabularySize), [4, 1, 6]).map { sequence, count in
      var pair = sequence
      pair.labels = (0..<count).map { $0 % 4 == 2 ? -100 : Int32(($0 * 5 + 3 * count) % vocabularySize) }
      return pair
    }
  }

  /// Ragged sequences with gaps between their labels; the last has a single one that counts.
  public static func ragged(vocabularySize: Int = 13) -> [TestSequence] {
    func token(_ index: Int) -> Int32 { Int32((index * 7 + index * index * 3 + 5) % vocabularySize) }
    return [5, 7, 2].enumerated().map { number, length in
      let tokens = (0..<length).map { token($0 + 10 * number) }
      let labels = tokens.enumerated().map { position, token in (position + 2 * number) % 3 == 0 ? -100 : token }
      return TestSequence(tokens: tokens, labels: labels, task: number, ordinal: UInt64(number) + 40)
    }
  }
}

extension TestSequence {
  /// Sequences with random common beginnings, of two tasks and in random order; of labels within a beginning some are
  /// their own, and one sequence is the beginning of others.
  public static func alike(seed: UInt64, vocabularySize: Int = 13, positionCount: Int = 16) -> [TestSequence] {
    var drawn: UInt64 = 0
    func draw(_ bound: Int) -> Int {
      drawn += 1
      return Int(RandomKey(seed: seed).child("alike").child(drawn).value % UInt64(bound))
    }
    func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(draw(vocabularySize)) } }
    // A beginning, what some have behind it in common, and an end of one's own.
    let sequences = (0..<2).flatMap { task -> [TestSequence] in
      let beginning = tokens(4 + draw(positionCount / 5))
      return (0..<2).flatMap { _ -> [TestSequence] in
        let middle = beginning + tokens(4 + draw(2))
        return (0..<2 + draw(2)).map { place in
          let room = positionCount - middle.count
          let all = middle + tokens(place == 0 && draw(2) == 0 ? 0 : 1 + draw(room))
          let labels = all.map { draw(3) == 0 ? -100 : $0 == 0 ? Int32(draw(vocabularySize)) : $0 }
          return TestSequence(tokens: all, labels: labels, task: 2 * task)
        }
      }
    }
    let keys = sequences.indices.map { _ in draw(1 << 20) }
    return sequences.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.enumerated().map { place, index in
      var sequence = sequences[index]
      sequence.ordinal = UInt64(place) + 40
      return sequence
    }
  }
}

extension PackedBatch {
  /// Sequences of a causal model; what several begin with is computed once.
  public init(sharing sequences: [TestSequence]) {
    self.init()
    appendSharing(sequences.map { ($0.example, $0.task, $0.ordinal) })
  }

  public init(_ sequences: [TestSequence], for architecture: Architecture = .decoderOnly) {
    self.init()
    for sequence in sequences {
      append(
        sequence.example, for: architecture, route: sequence.task, head: sequence.head, ordinal: sequence.ordinal)
    }
  }
}
