import COpenBLAS
import Foundation

/// The libraries behind the products: which there are, which kernels they chose, and how many threads they use.
public enum MatrixLibrary {
  /// What computes products with frozen matrices, and others, in a few words, such as "oneDNN 2.6.3 (AVX-512, bf16),
  /// OpenBLAS SkylakeX for small products". A function of processor and installed libraries.
  ///
  /// - Parameter precision: How frozen matrices are held.
  public static func description(_ precision: Precision) -> String {
    let isBF16 = precision == .bf16
    let small = "OpenBLAS (\(coreName))"
    guard ProductLibrary.current == .oneDNN, case .ready(let version, let level) = OneDNN.finding else {
      return isBF16 ? "\(small), bf16 converted to fp32 on the way" : small
    }
    let instructions = isBF16 && level == .amxBF16 ? "AMX" : "AVX-512"
    let way = !isBF16 ? "fp32" : ProductLibrary.multipliesBF16 ? "bf16" : "bf16 converted to fp32 on the way"
    return "oneDNN \(version) (\(instructions), \(way)), \(small) for small products"
  }

  /// What is wrong with an environment's choice of a library; nil: nothing.
  public static func fault(in environment: [String: String]) -> String? {
    let (name, values) = ProductLibrary.variable
    guard let value = environment[name], !values.contains(value) else { return nil }
    return "\(name) is \"\(value)\"; it must be \(values.joined(separator: " or "))"
  }

  /// Whether products of bf16 are the processor's own, and not fp32 products of converted numbers.
  public static var multipliesBF16: Bool { ProductLibrary.multipliesBF16 }

  /// Whether large products are oneDNN's.
  public static var usesOneDNN: Bool { ProductLibrary.current == .oneDNN }

  /// Runs `body` with every product by OpenBLAS, to measure it. No other thread multiplies meanwhile.
  public static func withOpenBLASAlone<Result>(_ body: () throws -> Result) rethrows -> Result {
    ProductLibrary.isOpenBLASAlone = true
    defer { ProductLibrary.isOpenBLASAlone = false }
    return try body()
  }

  /// What the user should know: why there is no oneDNN on a processor that it would make faster; nil: nothing.
  public static var note: String? {
    guard processorHasAVX512, case .missing(let reason) = OneDNN.finding else { return nil }
    return "products run on OpenBLAS alone, bf16 at the speed of fp32: \(reason)"
  }

  /// The name of OpenBLAS's kernels in use, such as "SkylakeX".
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// Sets the threads that OpenBLAS uses for one product; ours share the work from outside.
  public static func setThreadCount(_ count: Int) { openblas_set_num_threads(CInt(count)) }

  /// Starts this program again with OPENBLAS_CORETYPE set where OpenBLAS uses kernels that leave AVX-512 idle: because it
  /// does not know the processor, or because the variable asks for lesser kernels, as some machines' profiles do.
  ///
  /// OpenBLAS reads the variable while it is loaded, so it must be in the environment of a fresh process; call this
  /// before MPI starts. It happens at most once. POLYAD_CORETYPE names other kernels to use, or `keep` to leave
  /// OpenBLAS's own choice alone.
  public static func restartWithBetterKernelsIfAny() {
    let environment = ProcessInfo.processInfo.environment
    let wanted = environment["POLYAD_CORETYPE"] ?? (processorHasAVX512 && !knowsAVX512(coreName) ? "SKYLAKEX" : "keep")
    guard wanted != "keep", environment[variable] != wanted else { return }
    setenv(givenVariable, environment[variable] ?? "", 1)
    setenv(variable, wanted, 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv("/proc/self/exe", arguments)  // returns only when it failed: then the slower kernels serve
  }

  private static let variable = "OPENBLAS_CORETYPE"
  /// What was in its place before a restart, for programs that this one starts, maybe on another processor.
  private static let givenVariable = "POLYAD_GIVEN_CORETYPE"

  /// An environment of this program without what ``restartWithBetterKernelsIfAny()`` has set.
  public static func givenEnvironment(_ environment: [String: String]) -> [String: String] {
    guard let given = environment[givenVariable] else { return environment }
    var result = environment
    result[givenVariable] = nil
    result[variable] = given.isEmpty ? nil : given
    return result
  }

  /// Whether OpenBLAS's kernels in use leave the processor's AVX-512 idle.
  public static var leavesAVX512Idle: Bool { processorHasAVX512 && !knowsAVX512(coreName) }

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
