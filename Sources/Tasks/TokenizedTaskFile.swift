import Crypto
import Foundation

/// The cache's file of one tokenized task: little-endian, read at one go.
///
///     magic (8 bytes), examples, tokens, token types, labels, metadata bytes (Int64 each)
///     tokens (Int32), token types (Int32), labels (Int32), prompt lengths (Int32), routes (Int32)
///     token ends (Int64), label ends (Int64), class labels (Float64)
///     metadata (JSON: report, kind, ids, references), SHA-256 of everything before
enum TokenizedTaskFile {
  /// Names the layout; a change of the layout changes it.
  private static let magic = Array("PLYTASK2".utf8)
  private static let headerByteCount = 8 + 5 * 8

  private struct Metadata: Codable {
    let report: PreparationReport
    let kind: SequenceKind
    let ids: [String]
    let references: [[String]]
  }

  static func bytes(of task: TokenizedTask) throws -> Data {
    let arrays = task.arrays
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys  // the same task gives the same bytes
    let metadata = try encoder.encode(
      Metadata(report: task.report, kind: task.kind, ids: arrays.ids, references: arrays.references))
    var bytes = Data(magic)
    append([task.count, arrays.tokens.count, arrays.types.count, arrays.labels.count, metadata.count], to: &bytes)
    append(arrays.tokens, to: &bytes)
    append(arrays.types, to: &bytes)
    append(arrays.labels, to: &bytes)
    append(arrays.promptLengths, to: &bytes)
    append(arrays.routes, to: &bytes)
    append(arrays.tokenEnds, to: &bytes)
    append(arrays.labelEnds, to: &bytes)
    append(arrays.classLabels, to: &bytes)
    bytes += metadata
    bytes += Data(SHA256.hash(data: bytes))
    return bytes
  }

  /// The task in the bytes of a file; nil if they are not what ``bytes(of:)`` wrote.
  static func task(from bytes: Data) -> TokenizedTask? {
    guard bytes.count >= headerByteCount + SHA256.byteCount, bytes.starts(with: magic) else { return nil }
    let body = bytes.dropLast(SHA256.byteCount)
    guard SHA256.hash(data: body) == bytes.suffix(SHA256.byteCount) else { return nil }
    var reader = Reader(bytes: body, offset: magic.count)
    guard let counts = reader.array(of: Int.self, count: 5),
      let tokens = reader.array(of: Int32.self, count: counts[1]),
      let types = reader.array(of: Int32.self, count: counts[2]),
      let labels = reader.array(of: Int32.self, count: counts[3]),
      let promptLengths = reader.array(of: Int32.self, count: counts[0]),
      let routes = reader.array(of: Int32.self, count: counts[0]),
      let tokenEnds = reader.array(of: Int.self, count: counts[0]),
      let labelEnds = reader.array(of: Int.self, count: counts[0]),
      let classLabels = reader.array(of: Double.self, count: counts[0]),
      let json = reader.array(of: UInt8.self, count: counts[4]),
      let metadata = try? JSONDecoder().decode(Metadata.self, from: Data(json))
    else { return nil }
    let arrays = TokenizedTask.Arrays(
      tokens: tokens, types: types, labels: labels, tokenEnds: tokenEnds, labelEnds: labelEnds,
      promptLengths: promptLengths, routes: routes, classLabels: classLabels, ids: metadata.ids,
      references: metadata.references)
    guard arrays.areConsistent else { return nil }
    return TokenizedTask(arrays, split: metadata.report.split, kind: metadata.kind, report: metadata.report)
  }

  private static func append<Element: BitwiseCopyable>(_ values: [Element], to bytes: inout Data) {
    values.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  /// Takes arrays of plain numbers off the front of a file's bytes.
  private struct Reader {
    let bytes: Data
    var offset: Int

    /// The next `count` values; nil where the bytes do not reach.
    mutating func array<Element: BitwiseCopyable>(of type: Element.Type, count: Int) -> [Element]? {
      let stride = MemoryLayout<Element>.stride
      guard count >= 0, count <= (bytes.count - offset) / stride else { return nil }
      let start = offset
      offset += count * stride
      return [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        bytes.withUnsafeBytes { source in
          UnsafeMutableRawBufferPointer(buffer).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: source[start..<(start + count * stride)]))
        }
        initializedCount = count
      }
    }
  }
}
