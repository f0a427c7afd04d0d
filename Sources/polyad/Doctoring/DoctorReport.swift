import Foundation
import JSON
import Training

/// What `polyad doctor` prints.
struct DoctorReport {
  let diagnosis: Diagnosis

  // MARK: For people

  /// Tables with a row a host, what the ranks measured together, and the findings.
  var text: String {
    var parts = [machines, resources].map { $0.lines.joined(separator: "\n") }
    parts.append((mpi + together).joined(separator: "\n"))
    let findings = diagnosis.findings
    if findings.isEmpty {
      parts.append("Nothing found that would stop or slow a run.")
    } else {
      parts.append(findings.enumerated().map { "\($0 + 1). \($1.effect.rawValue): \($1)" }.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n")
  }

  private var machines: Table {
    var table = Table(columns: [
      .init("host"), .init("processor"), .init("cores", .right), .init("ranks × threads", .right),
      .init("GFLOP/s", .right), .init("of peak", .right), .init("kernels"),
    ])
    for host in diagnosis.hosts {
      guard let facts = host.facts else {
        table.append([host.name, "?", "?", "\(host.ranks)", "?", "?", "?"])
        continue
      }
      let cores = facts.cores, rates = facts.rates
      table.append([
        host.name, facts.processor.name, "\(cores.usable) of \(cores.present)",
        "\(host.ranks) × \(host.threads)", Self.tenths(rates.product),
        "\(Int((100 * rates.product / rates.peak).rounded())) %", facts.processor.products,
      ])
    }
    return table
  }

  private var resources: Table {
    var table = Table(columns: [
      .init("host"), .init("memory"), .init("/dev/shm"), .init("disk"), .init("clock", .right), .init("interfaces"),
      .init("sends", .right), .init("receives", .right),
    ])
    for host in diagnosis.hosts {
      guard case .facts(let facts, let offset) = host.answer else {
        table.append([host.name] + Array(repeating: "?", count: 7))
        continue
      }
      let needs = diagnosis.needs, memory = facts.memory
      let part = diagnosis.job?.hosts.first { $0.name == facts.host }
      table.append([
        host.name, Self.room(memory.available, needs?.memory(ranks: host.ranks)),
        Self.room(memory.sharedFree, needs?.sharedMemory(ranks: host.ranks)),
        facts.output.map(Self.disk) ?? "", String(format: "%+.1f s", offset),
        facts.interfaces.map(Self.interface).joined(separator: ", "), part?.sendRate.map(Self.rate) ?? "",
        part?.receiveRate.map(Self.rate) ?? "",
      ])
    }
    return table
  }

  private static func room(_ free: Int, _ needed: Int?) -> String {
    "\(Formatting.bytes(free)) free" + (needed.map { ", \(Formatting.bytes($0)) needed" } ?? "")
  }

  private static func disk(_ output: HostFacts.Output) -> String {
    guard output.fault == nil else { return "not writable" }
    return (output.writeRate.map { "\(tenths(1e-6 * $0)) MB/s, " } ?? "") + "\(Formatting.bytes(output.free)) free"
  }

  private static func interface(_ interface: NetworkInterface) -> String {
    interface.name + (interface.speed.map { " \($0) Mbit/s" } ?? "")
  }

  private static func rate(_ bytes: Double) -> String { "\(tenths(1e-6 * bytes)) MB/s" }
  private static func tenths(_ value: Double) -> String { Formatting.number((10 * value).rounded() / 10) }

  /// A line for each Open MPI that there is.
  private var mpi: [String] {
    var lines: [(text: String, hosts: [String])] = []
    for host in diagnosis.hosts {
      guard let facts = host.facts?.openMPI else { continue }
      let ways = (facts.protocols + facts.transports).joined(separator: ", ")
      let text = "Open MPI \(facts.version ?? "is missing")" + (ways.isEmpty ? "" : "; it knows \(ways)")
      if let index = lines.firstIndex(where: { $0.text == text }) {
        lines[index].hosts.append(host.name)
      } else {
        lines.append((text, [host.name]))
      }
    }
    return lines.count == 1 ? [lines[0].text] : lines.map { "\($0.hosts.joined(separator: ", ")): \($0.text)" }
  }

  private var together: [String] {
    guard let job = diagnosis.job else { return ["No ranks were started: what was found above or below comes first."] }
    let count = "\(job.rankCount) rank(s) on \(job.hosts.count) host(s)"
    guard let reduction = job.reduction else { return ["\(count) started."] }
    return [
      "\(count) add up \(Formatting.bytes(reduction.byteCount)) of gradients in "
        + "\(Formatting.number((1e5 * reduction.seconds).rounded() / 100)) ms"
    ]
  }

  // MARK: For programs

  var json: JSONValue {
    [
      "hosts": .array(diagnosis.hosts.map(Self.json)), "needs": Self.value(diagnosis.needs),
      "job": Self.value(diagnosis.job),
      "findings": .array(
        diagnosis.findings.map {
          [
            "kind": .string($0.kind.rawValue), "effect": .string($0.effect.rawValue),
            "hosts": .array($0.hosts.map { .string($0) }), "fault": .string($0.fault), "remedy": .string($0.remedy),
          ]
        }),
    ]
  }

  private static func json(_ host: HostReport) -> JSONValue {
    var offset: JSONValue = .null
    if case .facts(_, let seconds) = host.answer { offset = .double(seconds) }
    return [
      "name": .string(host.name), "ranks": .int(host.ranks), "threads": .int(host.threads), "clock_offset": offset,
      "facts": value(host.facts),
    ]
  }

  private static func value(_ value: (some Encodable)?) -> JSONValue {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    guard let value, let data = try? encoder.encode(value) else { return .null }
    return (try? JSONDecoder().decode(JSONValue.self, from: data)) ?? .null
  }
}

/// Ends the program where something was found.
struct DoctorFindings: Error, CustomStringConvertible {
  let findings: [Finding]

  var description: String {
    let stops = findings.count { $0.effect == .stops }
    let what = stops > 0 ? ", \(stops) of which would stop the run" : ""
    return "\(findings.count) finding(s)\(what): each is told with what mends it"
  }
}
