import Foundation
import MessagePassing
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// What the ranks of a node share of a model's numbers, seen by the ranks of a job.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct SharedWeightsTests {
  @Test(arguments: [1, 2, 3]) func aNodeHoldsItsWeightsOnce(rankCount: Int) throws {
    let outcome = try RankProcesses.run("weights", of: "CheckpointsTests.SharedWeightsRanks", rankCount: rankCount)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("on \(rankCount) ranks the weights were held"), "\(outcome.output)")
  }
}

/// What each rank runs; started by ``SharedWeightsTests``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == "weights"))
struct SharedWeightsRanks {
  /// Two matrices of three types each, and vectors.
  private static let tensors: [SafetensorsWriter.TypedTensor] = [
    ("single", [3, 5], .float32), ("half", [5, 3], .float16), ("brain", [4, 4], .bfloat16),
    ("singleVector", [7], .float32), ("brainVector", [9], .bfloat16),
  ]

  private static var entries: [SharedWeights.Entry] {
    tensors.map { SharedWeights.Entry(name: $0.name.uppercased(), fileName: $0.name, shape: $0.shape) }
  }

  private static func numbers(_ place: Int) -> [Float] {
    (0..<tensors[place].shape.reduce(1, *)).map { (Float($0) - 3.3) * (1.7 + Float(place)) }
  }

  /// The file, written by the first rank and opened by all.
  private func source(_ world: Communicator) throws -> SafetensorsFile {
    let folder = FileManager.default.temporaryDirectory
    let file = folder.appending(path: "polyad-weights-\(try world.broadcast(Int64(getpid()))).safetensors")
    if world.rank == 0 {
      try SafetensorsWriter.write(to: file, typed: Self.tensors) {
        Self.tensors[$0].dataType.encode(Self.numbers($0))!
      }
    }
    try world.barrier()
    let source = try SafetensorsFile(file)
    try world.barrier()
    if world.rank == 0 { try FileManager.default.removeItem(at: file) }
    return source
  }

  private func floats(_ numbers: FrozenNumbers, _ count: Int) -> [Float]? {
    guard case .fp32(let base) = numbers else { return nil }
    return Array(UnsafeBufferPointer(start: base, count: count))
  }

  private func bfloats(_ numbers: FrozenNumbers, _ count: Int) -> [UInt16]? {
    guard case .bf16(let base) = numbers else { return nil }
    return Array(UnsafeBufferPointer(start: base, count: count))
  }

  private func address(_ numbers: FrozenNumbers) -> UnsafeRawPointer {
    switch numbers {
    case .fp32(let base): UnsafeRawPointer(base)
    case .bf16(let base): UnsafeRawPointer(base)
    }
  }

  @Test func weightsAreHeldOnceANode() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      let node = try world.splitByNode(), source = try source(world)
      try checkFP32(source, node)
      try checkBF16(source, node)
      try checkFilled(node)
      try checkCopies(source, node)
      try node.free()
      if world.rank == 0 { print("on \(world.size) ranks the weights were held") }
    }
  }

  private func checkFP32(_ source: SafetensorsFile, _ node: Communicator) throws {
    let weights = try SharedWeights(Self.entries, from: source, node: node)
    #expect(weights.byteCount == 4 * (15 + 15 + 16 + 7 + 9))
    for entry in Self.entries {
      let numbers = weights.numbers(entry.name), isSingle = entry.fileName.hasPrefix("single")
      #expect(try floats(numbers, entry.count) == source.array(entry.fileName))
      #expect(try (address(numbers) == source.bytes(entry.fileName).baseAddress) == isSingle)
    }
    try weights.free()
  }

  private func checkBF16(_ source: SafetensorsFile, _ node: Communicator) throws {
    let weights = try SharedWeights(Self.entries, from: source, node: node, precision: .bf16)
    #expect(weights.byteCount == 2 * (15 + 15 + 16) + 4 * (7 + 9))
    for entry in Self.entries {
      let numbers = weights.numbers(entry.name), expected = try source.array(entry.fileName)
      if entry.shape.count > 1 {
        #expect(bfloats(numbers, entry.count) == expected.map(HalfPrecision.bfloat16))
      } else {
        #expect(floats(numbers, entry.count) == expected)
      }
      let isMapped = ["brain", "singleVector"].contains(entry.fileName)
      #expect(try (address(numbers) == source.bytes(entry.fileName).baseAddress) == isMapped)
    }
    // The window is one: what a rank writes there, all see.
    for name in ["SINGLE", "HALF", "BRAINVECTOR"] {
      let first = UnsafeMutableRawPointer(mutating: address(weights.numbers(name)))
      try node.barrier()
      if node.rank == node.size - 1 { first.storeBytes(of: 0x5a5a, as: UInt16.self) }
      try node.barrier()
      #expect(first.load(as: UInt16.self) == 0x5a5a)
    }
    try weights.free()
  }

  /// Two groups of ranks, each with a copy of its own.
  private func checkCopies(_ source: SafetensorsFile, _ node: Communicator) throws {
    let group = try node.split(color: node.rank % 2, key: node.rank)
    for precision in Precision.allCases {
      let weights = try SharedWeights(Self.entries, from: source, node: group, precision: precision, isCopied: true)
      for entry in Self.entries {
        let numbers = weights.numbers(entry.name), expected = try source.array(entry.fileName)
        #expect(try address(numbers) != source.bytes(entry.fileName).baseAddress)
        if entry.shape.count > 1, precision == .bf16 {
          #expect(bfloats(numbers, entry.count) == expected.map(HalfPrecision.bfloat16))
        } else {
          #expect(floats(numbers, entry.count) == expected)
        }
      }
      // What a rank writes, its group sees, and nobody else.
      let first = UnsafeMutableRawPointer(mutating: address(weights.numbers("HALF")))
      try node.barrier()
      if group.rank == 0 { first.storeBytes(of: UInt16(1 + node.rank % 2), as: UInt16.self) }
      try node.barrier()
      #expect(first.load(as: UInt16.self) == UInt16(1 + node.rank % 2))
      try weights.free()
    }
    try group.free()
  }

  /// Numbers without a file, such as random ones.
  private func checkFilled(_ node: Communicator) throws {
    for precision in Precision.allCases {
      let weights = try SharedWeights(Self.entries, node: node, precision: precision) { entry, values in
        for place in values.indices { values[place] = Float(place) * 0.37 + Float(entry.count) }
      }
      for entry in Self.entries {
        let numbers = weights.numbers(entry.name)
        let expected = (0..<entry.count).map { Float($0) * 0.37 + Float(entry.count) }
        if entry.shape.count > 1, precision == .bf16 {
          #expect(bfloats(numbers, entry.count) == expected.map(HalfPrecision.bfloat16))
        } else {
          #expect(floats(numbers, entry.count) == expected)
        }
      }
      try weights.free()
    }
  }
}
