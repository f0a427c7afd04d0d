import Checkpoints
import Foundation
import Tensors

/// What a rank is made of: program, processor, kernels.
enum MachineFacts {
  /// This rank's. Collective.
  static func own(_ ranks: Ranks) throws -> [Fact] { try program(ranks) + ownProcessor + kernels + libraries }

  /// This process's, to be compared with those of processes on other hosts that are no ranks of one job.
  static var alone: [Fact] {
    let content = try? NodeFiles.checksum(of: URL(filePath: "/proc/self/exe"))
    let value = content.map { "\($0.byteCount) \(Checksum.text($0.checksum))" } ?? "unknown"
    let shown = content.map { "\(path) (\($0.byteCount) bytes, checksum \(Checksum.text($0.checksum)))" }
    return [Fact(.program, "the program", value, shown: shown)] + ownProcessor + kernels + libraries
  }

  private static var path: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "unknown"
  }

  /// Ranks that run one file on one host need not read it.
  private static func program(_ ranks: Ranks) throws -> [Fact] {
    try FileFacts.facts([.init(.program, "the program", URL(filePath: "/proc/self/exe"), shown: path)], ranks)
  }

  /// The libraries loaded by now. OneDNN is there or not by choice.
  private static var libraries: [Fact] {
    LoadedLibrary.decisiveOnes.map {
      Fact(
        $0.name == "libdnnl" ? .kernels : .program, "library \($0.name)", $0.build,
        shown: "\($0.path) (build \($0.build.prefix(12)))")
    }
  }

  /// Variables of the environment that choose kernels of libraries.
  static let kernelVariables = [
    "POLYAD_MATMUL", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "GLIBC_TUNABLES",
  ]

  /// OneDNN is looked for here, if it was not before.
  private static var kernels: [Fact] {
    let environment = ProcessInfo.processInfo.environment
    return [
      Fact(.kernels, "what computes fp32 products", MatrixLibrary.description(.fp32)),
      Fact(.kernels, "what computes bf16 products", MatrixLibrary.description(.bf16)),
    ] + kernelVariables.map { Fact(.kernels, $0, environment[$0] ?? "not set") }
  }

  // MARK: The processor

  private static var ownProcessor: [Fact] {
    processor(text("/proc/cpuinfo"), caches: caches(in: URL(filePath: "/sys/devices/system/cpu/cpu0/cache")))
  }

  /// Such as "AMD EPYC".
  static var processorName: String {
    let line = text("/proc/cpuinfo").split(separator: "\n").first {
      $0.hasPrefix("model name") || $0.hasPrefix("CPU part")
    }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }

  /// - Parameters:
  ///   - information: What /proc/cpuinfo holds; its first processor stands for all.
  ///   - caches: Sizes by level, by which the libraries cut their products.
  static func processor(_ information: String, caches: [String]) -> [Fact] {
    let lines = information.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
    let values = Dictionary(
      lines.compactMap { line -> (String, String)? in
        let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
      }
    ) { first, _ in first }
    let names = [
      ("", "model name"), ("", "vendor_id"), ("family ", "cpu family"), ("model ", "model"),
      ("implementer ", "CPU implementer"), ("part ", "CPU part"),
    ]
    let kind = names.compactMap { word, key in values[key].map { word + $0 } }.joined(separator: ", ")
    let features = values["Features"]?.split(separator: " ")
    let words = values["flags"]?.split(separator: " ").filter(choosesKernels) ?? features
    return [
      Fact(.processor, "the processor", kind),
      Fact(
        .processor, "the processor's instructions", (words ?? []).sorted().joined(separator: " "), isList: true),
      Fact(.processor, "the processor's cache", caches.joined(separator: ", ")),
    ]
  }

  /// Whether a flag of an x86 processor is one that libraries choose kernels by.
  private static func choosesKernels(_ flag: Substring) -> Bool {
    let starts = ["sse", "ssse", "avx", "amx", "fma", "bmi", "f16c", "movbe", "popcnt", "abm", "gfni"]
    return starts.contains(where: flag.hasPrefix)
  }

  private static func caches(in folder: URL) -> [String] {
    (0..<8).compactMap { index in
      let cache = folder.appending(path: "index\(index)").path
      let type = text("\(cache)/type"), level = text("\(cache)/level"), size = text("\(cache)/size")
      return size.isEmpty || type == "Instruction" ? nil : "L\(level) \(size)"
    }
  }

  private static func text(_ path: String) -> String {
    KernelFile.text(path).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
