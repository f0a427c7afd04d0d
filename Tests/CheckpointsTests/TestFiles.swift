import Foundation

@testable import Checkpoints

/// Writes a safetensors file of any header and data, sound or not.
func writeRaw(_ url: URL, header: String, data: [UInt8] = [], announcedLength: UInt64? = nil) throws {
  let length = announcedLength ?? UInt64(header.utf8.count)
  let bytes = withUnsafeBytes(of: length.littleEndian, Array.init) + Array(header.utf8) + data
  try Data(bytes).write(to: url)
}

/// A header entry.
func entry(_ name: String, _ type: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
  "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
}

/// The text of the error that `body` throws; empty if it throws none.
func errorText(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// What a folder holds, hidden names included.
func names(_ folder: URL) throws -> [String] { try FileSystem.names(in: folder) }

/// Writes a small text file.
func write(_ text: String, to url: URL) throws { try Data(text.utf8).write(to: url) }

/// A text file's content.
func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }
