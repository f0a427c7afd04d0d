import COpenBLAS
import Foundation

/// The library behind the products: which kernels it chose, and how many threads it uses.
public enum MatrixLibrary {
  /// The name of OpenBLAS's kernels in use, such as "SkylakeX".
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// OpenBLAS's own description of its build.
  public static var configuration: String { String(cString: openblas_get_config()) }

  /// The processors this process may use: its affinity mask's.
  public static var processorCount: Int { Int(openblas_get_num_procs()) }

  /// Sets the threads a product uses.
  public static func setThreadCount(_ count: Int) { openblas_set_num_threads(CInt(count)) }

  /// Starts this program again with OPENBLAS_CORETYPE set where OpenBLAS missed that the processor has AVX-512.
  ///
  /// OpenBLAS reads the variable while it is loaded, so it must be in the environment of a fresh process; call this
  /// before MPI starts. It happens at most once, and never when the user has set the variable.
  public static func restartWithBetterKernelsIfAny() {
    let variable = "OPENBLAS_CORETYPE"
    guard getenv(variable) == nil, processorHasAVX512, !knowsAVX512(coreName) else { return }
    setenv(variable, "SKYLAKEX", 1)
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
