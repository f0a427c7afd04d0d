import Foundation
import MessagePassing
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// Files compared by the ranks of a job.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct NodeFilesTests {
  @Test(arguments: [1, 2, 3]) func anyNumberOfRanksFindsTheSameChecksums(rankCount: Int) throws {
    try withTemporaryFolder { folder in
      let outcome = try RankProcesses.run(
        "files", of: "CheckpointsTests.NodeFilesRanks", rankCount: rankCount,
        environment: [NodeFilesRanks.folderVariable: folder.path])
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      #expect(outcome.output.contains("on \(rankCount) ranks files were compared"), "\(outcome.output)")
    }
  }

  @Test func ofALongFileBlocksAreCompared() {
    let block = Checksum.blockSize, limit = NodeFiles.wholeLimit
    #expect(NodeFiles.blocks(of: 0) == [] && NodeFiles.blocks(of: 1) == [0])
    #expect(NodeFiles.blocks(of: limit) == Array(0..<limit / block))
    let sampled = NodeFiles.blocks(of: 10 * limit + 1)
    #expect(sampled.count == limit / block && Set(sampled).count == sampled.count)
    #expect(sampled.first == 0 && sampled.last == 10 * limit / block)
    #expect(NodeFiles.blocks(of: limit + 1).last == limit / block)
  }
}

/// What each rank runs; started by ``NodeFilesTests``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == "files"))
struct NodeFilesRanks {
  static let folderVariable = "POLYAD_TEST_FOLDER"

  @Test func filesAreCompared() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    let folder = URL(filePath: ProcessInfo.processInfo.environment[Self.folderVariable]!)
    environment.job.run(exitCode: { _ in 5 }) {
      let contents = [3 * Checksum.blockSize + 5, 0, 100].map { count in
        (0..<count).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }
      }
      let files = contents.indices.map { folder.appending(path: "file \($0)") }
      if world.rank == 0 { for (file, bytes) in zip(files, contents) { try Data(bytes).write(to: file) } }
      try world.barrier()
      let expected = contents.map { Checksum.of($0) }

      let missing = folder.appending(path: "none")
      let shared = try NodeFiles(files + [missing], node: world)
      #expect(shared.areShared)
      let found = try shared.checksums()
      #expect(found.map { $0?.checksum } == expected.map { $0 } + [nil])
      #expect(found.map { $0?.byteCount } == contents.map(\.count) + [nil])

      // A rank with files of its own: nobody's work is taken for another's.
      let own = folder.appending(path: "own \(world.rank)")
      var bytes = contents[0]
      if world.rank == world.size - 1 { bytes[bytes.count / 2] ^= 1 }
      try Data(bytes).write(to: own)
      let apart = try NodeFiles([own], node: world)
      #expect(apart.areShared == (world.size == 1))
      #expect(try apart.checksums()[0]?.checksum == Checksum.of(bytes))
      #expect(Checksum.of(bytes) != expected[0] || world.rank < world.size - 1)
      if world.rank == 0 { print("on \(world.size) ranks files were compared") }
    }
  }
}
