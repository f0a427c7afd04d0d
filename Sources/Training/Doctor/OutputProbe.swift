import Checkpoints
import Foundation
import Glibc

/// Tries to write where a run will.
enum OutputProbe {
  /// Bytes that are written at most, and a piece of them.
  private static let most = 32 << 20, piece = 4 << 20

  /// Writes a file into the folder or, where it is not there yet, into the one that it will be made in, and removes it.
  static func facts(_ path: String) -> HostFacts.Output {
    var folder = URL(filePath: path)
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
      folder = folder.deletingLastPathComponent()
    }
    var result = HostFacts.Output(path: path, free: HostMemory.freeBytes(folder.path) ?? 0)
    let name = folder.appending(path: ".polyad-doctor-\(UUID().uuidString)").path
    let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      result.fault = "\(folder.path): \(String(cString: strerror(errno)))"
      return result
    }
    defer {
      close(file)
      unlink(name)
    }
    let bytes = [UInt8](repeating: 0x5A, count: piece), start = ContinuousClock.now
    var count = 0
    while count < most, ContinuousClock.now - start < .seconds(1) {
      let written = write(file, bytes, bytes.count)
      guard written > 0 else {
        result.fault = "\(folder.path): \(String(cString: strerror(errno)))"
        return result
      }
      count += written
    }
    guard fsync(file) == 0 else {
      result.fault = "\(folder.path): \(String(cString: strerror(errno)))"
      return result
    }
    result.writeRate = Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    return result
  }
}
