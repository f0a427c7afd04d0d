import Foundation

/// This process's memory, from /proc.
public enum MemoryUse {
  /// The largest resident size so far, in MiB, shared pages included.
  public static var peakResidentMiB: Int { kibibytes("VmHWM") >> 10 }

  private static func kibibytes(_ key: String) -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
    return line.flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } }
      ?? 0
  }
}
