import Checkpoints
import Foundation
import Glibc
import Tensors

/// Finds out what this host is, holds and can do; changes nothing but a file of its own that it removes again.
public enum HostProbe {
  /// Looks at the host, on this process's ``Threads``, which should be as many as it may use.
  public static func run(_ request: ProbeRequest) -> HostFacts {
    // Before this process itself keeps the cores busy.
    let busy = BusyCores.sample()
    let cores = HostFacts.Cores(
      present: ProcessorCores.present.count, available: ProcessorCores.available.sorted(), quota: ProcessorCores.quota,
      busy: busy)
    let start = ContinuousClock.now
    let files = request.files.map(fact)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let byteCount = files.reduce(0) { $0 + $1.byteCount }
    let now = Date.now
    return HostFacts(
      host: hostName, facts: MachineFacts.alone + files.map(\.fact),
      processor: processor, cores: cores, rates: rates(seconds: request.seconds), memory: HostMemory.facts,
      openMPI: InstalledMPI.facts, interfaces: NetworkInterface.all, output: request.output.map(OutputProbe.facts),
      readRate: byteCount > 0 ? Double(byteCount) / seconds : nil, clock: Date.now.timeIntervalSince1970,
      futureFile: futureFile(request.files.map(\.path), now: now))
  }

  /// As MPI knows it, too.
  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func fact(_ file: ProbeRequest.File) -> (fact: Fact, byteCount: Int) {
    do {
      guard let content = try NodeFiles.checksum(of: URL(filePath: file.path)) else {
        return (Fact(file.kind, file.name, "missing", shown: "missing (\(file.path))"), 0)
      }
      let text = Checksum.text(content.checksum)
      let shown = "\(file.path) (\(content.byteCount) bytes, checksum \(text))"
      return (Fact(file.kind, file.name, "\(content.byteCount) \(text)", shown: shown), content.byteCount)
    } catch {
      return (Fact(file.kind, file.name, "missing", shown: "not readable: \(error)"), 0)
    }
  }

  private static var processor: HostFacts.Processor {
    let variables = MachineFacts.kernelVariables + ["POLYAD_CORETYPE", "OPENBLAS_CORETYPE"]
    return HostFacts.Processor(
      name: MachineFacts.processorName, hasAVX512: MatrixLibrary.processorHasAVX512,
      openBLASKernels: MatrixLibrary.coreName, leavesAVX512Idle: MatrixLibrary.leavesAVX512Idle,
      products: MatrixLibrary.description(.fp32), note: MatrixLibrary.note,
      settings: ProcessInfo.processInfo.environment.filter { variables.contains($0.key) })
  }

  /// In turn, so that what else goes on meets both alike.
  private static func rates(seconds: Double) -> HostFacts.Rates {
    let products = [
      MatrixBenchmark.Product(2048, 768, 768, .frozen), MatrixBenchmark.Product(512, 768, 3072, .frozenTransposed),
    ]
    let ways = MatrixBenchmark.ways(.fp32).suffix(1)
    var rates = HostFacts.Rates(threads: Threads.count, peak: 0, product: 0)
    for _ in 0..<4 {
      rates.peak = max(rates.peak, ArithmeticPeak.rate(seconds: seconds / 8))
      for product in products {
        for way in ways {
          rates.product = max(rates.product, MatrixBenchmark.rate(product, way, seconds: seconds / 8))
        }
      }
    }
    return rates
  }

  /// The file that was changed furthest in the future, by the host's clock.
  static func futureFile(_ paths: [String], now: Date) -> HostFacts.FutureFile? {
    let ahead = paths.compactMap { path -> HostFacts.FutureFile? in
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      let changed = Double(status.st_mtim.tv_sec) + 1e-9 * Double(status.st_mtim.tv_nsec)
      return HostFacts.FutureFile(path: path, ahead: changed - now.timeIntervalSince1970)
    }
    return ahead.max { $0.ahead < $1.ahead }.flatMap { $0.ahead > 0 ? $0 : nil }
  }
}
