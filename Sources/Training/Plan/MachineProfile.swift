import Foundation
import Tensors

/// What this machine and its network do in a second, as measured: what times of other runs can be predicted from.
///
/// It is a file, `machine.json`, that `bench step`, `bench layers`, `bench matmul` and `bench reduction` write.
public struct MachineProfile: Codable, Sendable, Equatable {
  /// What computes, as ``MatrixLibrary`` and /proc/cpuinfo name it. Rates of another kind are not used.
  public var machine: String
  /// Cores that this host lets its processes use.
  public var cores: Int
  public var steps: [StepRates] = []
  public var products: [ProductRate] = []
  public var reductions: [ReductionTime] = []

  /// The best rate of a large product, GFLOP/s a rank, with so many threads on as many cores as were busy.
  public struct ProductRate: Codable, Sendable, Equatable {
    public var precision: String
    public var threads, busyCores: Int
    public var gflops: Double

    public init(precision: String, threads: Int, busyCores: Int, gflops: Double) {
      (self.precision, self.threads, self.busyCores, self.gflops) = (precision, threads, busyCores, gflops)
    }
  }

  /// What a sum over ranks takes.
  public struct ReductionTime: Codable, Sendable, Equatable {
    /// As of ``ReductionBenchmark/Scope`` and ``ReductionBenchmark/Kind``.
    public var scope, kind: String
    public var ranks, hosts, byteCount: Int
    public var seconds: Double

    public init(scope: String, kind: String, ranks: Int, hosts: Int, byteCount: Int, seconds: Double) {
      (self.scope, self.kind, self.ranks, self.hosts) = (scope, kind, ranks, hosts)
      (self.byteCount, self.seconds) = (byteCount, seconds)
    }
  }

  public init(machine: String = Self.thisMachine, cores: Int = Self.theseCores) {
    (self.machine, self.cores) = (machine, cores)
  }

  // MARK: Of this host

  /// The processor, and what multiplies on it.
  public static var thisMachine: String {
    let lines = KernelFile.text("/proc/cpuinfo").split(separator: "\n")
    let model = lines.first { $0.hasPrefix("model name") }.flatMap { $0.split(separator: ":").last } ?? "unknown"
    let kernels = [Precision.fp32, .bf16].map(MatrixLibrary.description)
    return ([model.trimmingCharacters(in: .whitespaces)] + kernels).joined(separator: "; ")
  }

  public var isOfThisMachine: Bool { machine == Self.thisMachine }

  public static var theseCores: Int { min(ProcessorCores.available.count, ProcessorCores.quota ?? .max) }

  // MARK: The file

  /// $POLYAD_PROFILE, else `polyad/machine.json` in $XDG_CACHE_HOME or ~/.cache.
  public static var file: URL {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["POLYAD_PROFILE"], !path.isEmpty { return URL(filePath: path) }
    let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(filePath: $0) }
    return (cache ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache"))
      .appending(path: "polyad/machine.json")
  }

  /// What the file holds; an empty profile of this machine where there is none.
  ///
  /// - Throws: ``PlanError/unreadableProfile(path:reason:)``.
  public static func load(_ file: URL = file) throws(PlanError) -> MachineProfile {
    guard FileManager.default.fileExists(atPath: file.path) else { return MachineProfile() }
    do { return try decoder.decode(MachineProfile.self, from: Data(contentsOf: file)) } catch {
      throw .unreadableProfile(path: file.path, reason: Self.reason(error))
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is of another kind"
    case is DecodingError: "it is no JSON object"
    default: error.localizedDescription
    }
  }

  /// - Throws: ``PlanError/unwritableProfile(path:reason:)``.
  public func save(_ file: URL = file) throws(PlanError) {
    do {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Self.encoder.encode(self).write(to: file, options: .atomic)
    } catch {
      throw .unwritableProfile(path: file.path, reason: error.localizedDescription)
    }
  }

  /// Adds what was measured here to the file, in place of older measurements of the same.
  ///
  /// - Throws: ``PlanError``.
  public static func record(
    steps: [StepRates] = [], products: [ProductRate] = [], reductions: [ReductionTime] = [], in file: URL = file
  ) throws(PlanError) {
    var profile = try load(file)
    guard profile.isOfThisMachine else { throw .otherMachine(path: file.path, machine: profile.machine) }
    profile.add(steps: steps, products: products, reductions: reductions)
    try profile.save(file)
  }

  public mutating func add(steps: [StepRates] = [], products: [ProductRate] = [], reductions: [ReductionTime] = []) {
    self.steps.removeAll { old in steps.contains { $0.subject == old.subject } }
    self.products.removeAll { old in
      products.contains { ($0.precision, $0.threads, $0.busyCores) == (old.precision, old.threads, old.busyCores) }
    }
    self.reductions.removeAll { old in
      reductions.contains {
        ($0.scope, $0.kind, $0.ranks, $0.hosts, $0.byteCount)
          == (old.scope, old.kind, old.ranks, old.hosts, old.byteCount)
      }
    }
    self.steps += steps
    self.products += products
    self.reductions += reductions
  }

  static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return encoder
  }
}
