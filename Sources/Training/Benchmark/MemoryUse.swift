import Foundation

/// This process's memory, from /proc.
public enum MemoryUse {
  /// The largest resident size so far, in MiB, shared pages included.
  public static var peakResidentMiB: Int { kibibytes("VmHWM") >> 10 }

  /// The largest size so far of what this process holds alone, in MiB: without shared memory and mapped files, such as
  /// weights, the program and its libraries, of which a node has one copy. To be asked while the weights are held.
  public static var peakPrivateMiB: Int {
    (kibibytes("VmHWM") - kibibytes("RssShmem") - kibibytes("RssFile")) >> 10
  }

  private static func kibibytes(_ key: String) -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
    return line.flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } }
      ?? 0
  }
}
