import Foundation
import MessagePassing
import Tensors

/// Files that the ranks of a node are to read, to be compared with those of other nodes.
public struct NodeFiles {
  public let files: [URL]
  /// Whether all ranks of the node see the very same files: they then share the work, or need not compare at all.
  public let areShared: Bool
  private let node: Communicator

  /// Files longer than this are compared by ``sampleCount`` of their blocks, evenly spread, and by their length.
  static let wholeLimit = 8 << 30
  static let sampleCount = wholeLimit / Checksum.blockSize

  /// Looks at the files. Collective over `node`; the ranks may name different files, and a file may be missing.
  ///
  /// - Throws: `MPIError`.
  public init(_ files: [URL], node: Communicator) throws {
    (self.files, self.node) = (files, node)
    let identities = try node.allGatherV(files.flatMap(Self.identity))
    areShared = identities.allSatisfy { $0 == identities[0] }
  }

  /// What tells a file from every other one of a node: device, number, length, time of the last change; zeros for none.
  private static func identity(_ file: URL) -> [Int64] {
    var status = stat()
    guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [0, 0, 0, 0, 0] }
    return [
      Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino)), Int64(status.st_size),
      Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
    ]
  }

  /// Each file's length and the checksum of its content; nil for one that is missing. Collective over the node.
  ///
  /// - Throws: ``FileError`` or `MPIError`.
  public func checksums() throws -> [(byteCount: Int, checksum: UInt64)?] {
    let mapped = try files.map { FileSystem.isFile($0) ? try MappedFile($0) : nil }
    let blocks = mapped.map { Self.blocks(of: $0?.bytes.count ?? 0) }
    let places = blocks.enumerated().flatMap { file, numbers in numbers.map { (file: file, block: $0) } }
    let (first, step) = areShared ? (node.rank, node.size) : (0, 1)
    let own = Array(stride(from: first, to: places.count, by: step))
    let sums = Threads.map(own.count) { index in
      let place = places[own[index]]
      return mapped[place.file].map { Checksum.block(place.block, of: $0.bytes) } ?? 0
    }
    var all = [Int64](repeating: 0, count: places.count)
    for (place, sum) in zip(own, sums) { all[place] = Int64(bitPattern: sum) }
    // Every block has one rank that summed it; the others add nothing.
    if areShared, node.size > 1, !all.isEmpty { try node.allReduce(&all, .sum) }
    var start = 0
    return zip(mapped, blocks).map { file, numbers in
      defer { start += numbers.count }
      guard let count = file?.bytes.count else { return nil }
      let sums = all[start..<start + numbers.count].map { UInt64(bitPattern: $0) }
      return (count, Checksum.joined(sums, byteCount: count))
    }
  }

  /// A file's length and checksum, as ``checksums()`` gives them; nil where there is none.
  ///
  /// - Throws: ``FileError``.
  public static func checksum(of file: URL) throws -> (byteCount: Int, checksum: UInt64)? {
    guard FileSystem.isFile(file) else { return nil }
    let mapped = try MappedFile(file), blocks = Self.blocks(of: mapped.bytes.count)
    let sums = Threads.map(blocks.count) { Checksum.block(blocks[$0], of: mapped.bytes) }
    return (mapped.bytes.count, Checksum.joined(sums, byteCount: mapped.bytes.count))
  }

  /// The blocks of a file that are compared: all, or of a long one some, the first and the last among them.
  static func blocks(of byteCount: Int) -> [Int] {
    let count = Checksum.blockCount(of: byteCount)
    guard byteCount > wholeLimit else { return Array(0..<count) }
    return (0..<sampleCount).map { $0 * (count - 1) / (sampleCount - 1) }
  }
}
