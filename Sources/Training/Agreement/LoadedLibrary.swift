import Foundation
import Tensors

/// A library in this process's memory, and which build of it.
struct LoadedLibrary {
  let path: String
  /// The linker's own number of the build, or the checksum of a file without one.
  let build: String

  /// The name without version, such as "libopenblas", whose builds for each kind of threads differ by a letter more.
  var name: String {
    let name = Self.fileName(path).prefix { $0 != "." && $0 != "-" }
    return name.hasPrefix("libopenblas") ? "libopenblas" : String(name)
  }

  /// Libraries whose code decides bits, by how their files' names begin: products, mathematical functions, texts.
  private static let decisive = [
    "libopenblas", "libblas", "libdnnl", "libm.so", "libm-", "libmvec", "libc.so", "libc-", "libmpi.so", "libswiftCore",
    "libswift_StringProcessing", "libFoundation", "lib_FoundationICU",
  ]

  /// Those of them that are loaded by now, by name.
  static var decisiveOnes: [LoadedLibrary] {
    paths(in: KernelFile.text("/proc/self/maps")).map { LoadedLibrary(path: $0, build: build(of: URL(filePath: $0))) }
  }

  /// The files that /proc/self/maps names, each once.
  static func paths(in maps: String) -> [String] {
    let paths = maps.split(separator: "\n").compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
    return Set(paths).filter { path in decisive.contains { fileName(path).hasPrefix($0) } }
      .sorted { (fileName($0), $0) < (fileName($1), $1) }
  }

  private static func fileName(_ path: String) -> String { (path as NSString).lastPathComponent }

  static func build(of file: URL) -> String {
    guard let data = try? Data(contentsOf: file, options: .alwaysMapped) else { return "unknown" }
    return data.withUnsafeBytes { buildNumber(of: $0) ?? Checksum.text(Checksum.of($0)) }
  }

  /// The note that linkers write into a file of the format ELF, 64 bits; nil where there is none.
  static func buildNumber(of file: UnsafeRawBufferPointer) -> String? {
    func number<Number: FixedWidthInteger>(_ offset: Int, _ type: Number.Type) -> Int? {
      guard offset >= 0, offset + MemoryLayout<Number>.size <= file.count else { return nil }
      return Int(exactly: Number(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: Number.self)))
    }
    guard file.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2]), let headers = number(32, UInt64.self),
      let size = number(54, UInt16.self), let count = number(56, UInt16.self)
    else { return nil }
    for header in (0..<count).map({ headers + $0 * size }) where number(header, UInt32.self) == 4 {  // PT_NOTE
      guard let start = number(header + 8, UInt64.self), let length = number(header + 32, UInt64.self) else { continue }
      var note = start
      while note + 12 <= start + length, let nameSize = number(note, UInt32.self),
        let textSize = number(note + 4, UInt32.self), let type = number(note + 8, UInt32.self)
      {
        let text = note + 12 + (nameSize + 3) & ~3
        if type == 3, nameSize == 4, text + textSize <= file.count,  // NT_GNU_BUILD_ID
          file[note + 12..<note + 15].elementsEqual("GNU".utf8)
        {
          return file[text..<text + textSize].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        note = text + (textSize + 3) & ~3
      }
    }
    return nil
  }
}
