import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing

@testable import Training

struct BucketCuttingTests {
  /// A model of each architecture, its adapter on every map or all of it trained.
  private func model(_ kind: String, _ peftType: PEFTType) throws -> (AdapterModel, [TestSequence]) {
    var configuration = AdapterConfiguration(peftType: peftType)
    let backbone: any Backbone, sequences: [TestSequence], endings: [String]
    switch kind {
    case "decoder":
      (backbone, sequences) = (TestModel.random(), TestSequence.ragged())
      endings = ["c_attn", "c_proj", "c_fc"]
    case "encoder":
      var shape = EncoderConfiguration(.bert)
      (shape.vocabularySize, shape.placeCount, shape.width) = (13, 11, 8)
      (shape.layerCount, shape.headCount, shape.innerWidth, shape.classCount) = (2, 2, 14, 3)
      (backbone, sequences) = (TestModel.random(shape), TestSequence.classified())
      endings = ["query", "value", "dense"]
    default:
      var shape = T5Configuration()
      (shape.vocabularySize, shape.width, shape.headCount, shape.headWidth, shape.innerWidth) = (13, 8, 2, 4, 12)
      (shape.encoderLayerCount, shape.decoderLayerCount) = (2, 2)
      (backbone, sequences, endings) = (
        TestModel.random(shape), TestSequence.pairs(), ["q", "k", "v", "o", "wi", "wo"]
      )
    }
    if peftType != .full { configuration.targetModules = .endings(endings) }
    (configuration.adapterRank, configuration.taskCount) = (3, 3)
    let model = try AdapterModel(configuration, backbone: backbone, seed: 1)
    model.scatterValues()
    return (model, sequences)
  }

  private static let kinds = ["decoder", "encoder", "encoder-decoder"]

  /// What leaves early must not change any more: the numbers of maps that are called complete are those of the end.
  @Test(arguments: kinds, [PEFTType.lora, .cPoly, .full])
  func completeGradientsAreFinal(kind: String, peftType: PEFTType) throws {
    let (model, sequences) = try model(kind, peftType), gradients = model.parameters.gradients
    let ranges = Dictionary(
      uniqueKeysWithValues: model.mapRanges.map { (ObjectIdentifier($0.map), $0.ranges) })
    var early: [(range: Range<Int>, numbers: [Float])] = [], sums = LossSums(accountCount: 3)
    Objective(model).addGradient(
      of: PackedBatch(sequences, for: model.backbone.architecture), randomKey: RandomKey(seed: 0), to: &sums
    ) { maps in
      for range in maps.compactMap({ ranges[ObjectIdentifier($0)] }).joined() {
        early.append((range, Array(gradients[range])))
      }
    }
    for (range, numbers) in early { #expect(Array(gradients[range]) == numbers) }
    #expect(early.contains { $0.numbers.contains { $0 != 0 } })
    // Every map is called, once.
    #expect(early.map(\.range).sorted { $0.lowerBound < $1.lowerBound } == model.mapRanges.flatMap(\.ranges))
  }

  @Test(arguments: kinds, [PEFTType.lora, .cPoly, .full])
  func bucketsHoldWhatTravelsOnce(kind: String, peftType: PEFTType) throws {
    let (model, _) = try model(kind, peftType), whole = 1 << 20
    for byteCount in [4, 500, whole] {
      let cutting = BucketCutting(model, byteCount: byteCount)
      for tasks in [[0], [1, 2]] {
        let touched = model.parameters.ranges(touchedBy: tasks), cut = cutting.cut(touched)
        #expect(cut.buckets.flatMap { $0 }.merged == touched)
        #expect(cut.buckets.joined().joined().count == touched.joined().count)
        for bucket in cut.buckets.dropLast() {
          #expect(bucket == bucket.merged && bucket.joined().count * 4 >= byteCount)
        }
        // The last may hold what no map is called complete for.
        #expect((0...1).contains(cut.buckets.count - cut.mapCounts.count))
        if byteCount == whole { #expect(cut.buckets.count == 1 && cut.mapCounts.isEmpty) }
      }
    }
  }

  @Test func theLastMapsNumbersLeaveFirst() throws {
    let (model, _) = try model("decoder", .lora), maps = model.mapRanges
    let cut = BucketCutting(model, byteCount: 4).cut(model.parameters.trainedRanges)
    #expect(cut.buckets == maps.reversed().map { $0.ranges.merged })
    #expect(cut.mapCounts == maps.map { _ in 1 })
  }

  @Test func nothingIsOneEmptyBucket() throws {
    let (model, _) = try model("decoder", .lora)
    #expect(BucketCutting(model, byteCount: 4).cut([]).buckets == [[]])
  }
}
