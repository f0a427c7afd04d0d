import COpenBLAS
import Foundation

/// The library behind the products: which kernels it chose, and how many threads it uses.
public enum MatrixLibrary {
  /// The name of OpenBLAS's kernels in use, such as "SkylakeX".
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// Sets the threads a product uses.
  public static func setThreadCount(_ count: Int) { openblas_set_num_threads(CInt(count)) }

  /// Starts this program again with OPENBLAS_CORETYPE set where OpenBLAS uses kernels that leave AVX-512 idle: because it
  /// does not know the processor, or because the variable asks for lesser kernels, as some machines' profiles do.
  ///
  /// OpenBLAS reads the variable while it is loaded, so it must be in the environment of a fresh process; call this
  /// before MPI starts. It happens at most once. POLYAD_CORETYPE names other kernels to use, or `keep` to leave
  /// OpenBLAS's own choice alone.
  public static func restartWithBetterKernelsIfAny() {
    let variable = "OPENBLAS_CORETYPE"
    let environment = ProcessInfo.processInfo.environment
    let wanted = environment["POLYAD_CORETYPE"] ?? (processorHasAVX512 && !knowsAVX512(coreName) ? "SKYLAKEX" : "keep")
    guard wanted != "keep", environment[variable] != wanted else { return }
    setenv(variable, wanted, 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv("/proc/self/exe", arguments)  // returns only when it failed: then the slower kernels serve
  }

  static func knowsAVX512(_ core: String) -> Bool {
    ["skylakex", "cooperlake", "sapphirerapids"].contains(core.lowercased())
  }

  /// Whether the processor has the AVX-512 subsets that OpenBLAS's SKYLAKEX kernels use.
  public static var processorHasAVX512: Bool {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") })
    else { return false }
    let flags = Set(line.split(separator: " "))
    return ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"].allSatisfy { flags.contains(Substring($0)) }
  }
}
