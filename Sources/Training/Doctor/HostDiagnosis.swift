/// What is wrong with a host by itself.
enum HostDiagnosis {
  /// Why a host told no facts.
  static func fault(_ report: HostReport) -> Finding? {
    guard case .fault(let fault) = report.answer else { return nil }
    let name = report.name
    switch fault {
    case .silent(let reason):
      return Finding(
        .silentHost, .stops, [name], "does not answer by ssh: \(reason)",
        "ssh -o BatchMode=yes \(name) true must work from here, without a password; or take it out of the hostfile")
    case .noProgram(let path):
      return Finding(
        .program, .stops, [name], "there is no program \(path) that can be started",
        "Copy it to the same path, or build it there (launch/setup), on each host whose folder is its own")
    case .otherProgram(let reason):
      return Finding(
        .program, .stops, [name], "the program there is another build than here (\(reason))",
        "Copy the same program to every host, or build the same sources (launch/setup)")
    case .failed(let reason):
      return Finding(
        .program, .stops, [name], "the program does not run there: \(reason)",
        "Start polyad --version there to see why; launch/setup installs the libraries it needs")
    }
  }

  static func findings(_ host: KnownHost) -> [Finding] {
    kernels(host) + cores(host) + openMPI(host) + output(host)
  }

  // MARK: Kernels

  private static func kernels(_ host: KnownHost) -> [Finding] {
    let facts = host.facts.processor, rates = host.facts.rates
    func settings(_ names: [String]) -> String? {
      let set = names.filter { facts.settings[$0] != nil }
      return set.isEmpty ? nil : set.map { "\($0)=\(facts.settings[$0] ?? "")" }.joined(separator: " and ")
    }
    var findings: [Finding] = []
    if facts.leavesAVX512Idle {
      findings.append(
        Finding(
          .coreType, .slows, [host.name],
          "OpenBLAS computes with its \(facts.openBLASKernels) kernels, which leave the AVX-512 of \(facts.name) idle",
          settings(["POLYAD_CORETYPE"]).map { "Unset \($0)" }
            ?? "Set POLYAD_CORETYPE=SKYLAKEX, or better kernels that OpenBLAS knows"))
    }
    if let note = facts.note {
      findings.append(
        Finding(.coreType, .slows, [host.name], note, "Install oneDNN (Debian: libdnnl2 or libdnnl3; launch/setup)"))
    } else if facts.hasAVX512, !facts.products.hasPrefix("oneDNN") {
      let wanted = settings(["POLYAD_MATMUL", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
      findings.append(
        Finding(
          .coreType, .slows, [host.name],
          "large products are \(facts.products)'s, though oneDNN is the faster one on \(facts.name)",
          "Unset \(wanted ?? "POLYAD_MATMUL")"))
    }
    // Where others take the cores, that is what is found.
    if rates.product < 0.35 * rates.peak, !isBusy(host) {
      findings.append(
        Finding(
          .slowProducts, .slows, [host.name],
          "products reach \(number(rates.product)) GFLOP/s on \(rates.threads) core(s), \(percent(rates)) of "
            + "what the processor gives",
          findings.isEmpty
            ? "polyad bench matmul shows which; look whether other work shares the cores (top)" : "See above"))
    }
    return findings
  }

  private static func percent(_ rates: HostFacts.Rates) -> String { "\(Int(100 * rates.product / rates.peak)) %" }
  static func number(_ value: Double) -> String { Formatting.number((value * 10).rounded() / 10) }

  // MARK: Cores

  private static func cores(_ host: KnownHost) -> [Finding] {
    let cores = host.facts.cores
    var findings: [Finding] = []
    let bound = host.job.map { Set($0.ranks.flatMap(\.cores)).count } ?? cores.available.count
    let threads = host.job.map { $0.ranks.reduce(0) { $0 + $1.threads } } ?? host.ranks * host.threads
    let ranks = host.job?.ranks.count ?? host.ranks
    let room = min(bound, cores.quota ?? .max)
    if threads > room {
      let fits = max(1, room / max(1, ranks))
      findings.append(
        Finding(
          .oversubscribed, threads > ranks ? .stops : .slows, [host.name],
          "\(ranks) rank(s) of \(threads / max(1, ranks)) thread(s) on \(room) core(s)",
          threads > ranks
            ? "Set POLYAD_THREADS=\(fits), or lower the ranks there (slots in the hostfile, -n)"
            : "Lower the ranks there to \(room) (slots in the hostfile, -n): they would take turns"))
    }
    if bound < min(cores.present, cores.quota ?? .max) {
      findings.append(binding(host, bound, ranks))
    } else if threads < room, ranks > 0 {
      findings.append(
        Finding(
          .idleCores, .slows, [host.name],
          "\(ranks) rank(s) of \(threads / ranks) thread(s) leave \(room - threads) of \(room) cores idle",
          "Start more ranks there (slots in the hostfile, -n), or set POLYAD_THREADS=\(room / ranks)"))
    }
    if isBusy(host) {
      findings.append(
        Finding(
          .oversubscribed, .slows, [host.name],
          "other processes take \(number(cores.busy)) of \(cores.available.count) core(s)",
          "top shows which: end them, or wait for another time"))
    }
    return findings
  }

  private static func isBusy(_ host: KnownHost) -> Bool {
    host.facts.cores.busy > max(0.5, 0.25 * Double(host.facts.cores.available.count))
  }

  private static func binding(_ host: KnownHost, _ bound: Int, _ ranks: Int) -> Finding {
    let each = max(1, host.facts.cores.present / max(1, ranks))
    return Finding(
      .binding, .slows, [host.name],
      host.job == nil
        ? "processes are bound to \(bound) of the host's \(host.facts.cores.present) cores"
        : "\(ranks) rank(s) are bound to \(bound) of the host's \(host.facts.cores.present) cores",
      "mpirun --map-by slot:pe=\(each) --bind-to core gives each rank \(each); taskset or a scheduler "
        + "(Slurm: --cpus-per-task=\(each)) may have bound what starts it")
  }

  // MARK: Open MPI, and the run's folder

  private static func openMPI(_ host: KnownHost) -> [Finding] {
    let facts = host.facts.openMPI
    guard facts.version != nil else {
      return [
        Finding(
          .openMPI, .stops, [host.name], "Open MPI (orted) is not on the PATH of commands that ssh runs",
          "launch/setup installs it; or add its folder to PATH in a file that such shells read, as ~/.bashrc")
      ]
    }
    var findings: [Finding] = []
    let swift = facts.transports + facts.protocols
    if !facts.fabrics.isEmpty, !swift.isEmpty, !swift.contains("ucx"), !swift.contains("openib"), !swift.contains("ofi")
    {
      findings.append(
        Finding(
          .network, .slows, [host.name],
          "\(facts.fabrics.joined(separator: ", ")) is there, but Open MPI has no way to it (\(swift.joined(separator: ", ")))",
          "Install an Open MPI with UCX or libfabric"))
    }
    if let chosen = facts.settings["OMPI_MCA_btl"], !chosen.hasPrefix("^"), !chosen.contains("vader"),
      !chosen.contains("sm")
    {
      findings.append(
        Finding(
          .network, .slows, [host.name],
          "OMPI_MCA_btl=\(chosen) keeps ranks of a host from speaking through its memory",
          "Unset OMPI_MCA_btl, or add vader to it"))
    }
    return findings
  }

  private static func output(_ host: KnownHost) -> [Finding] {
    guard let output = host.facts.output, let fault = output.fault else { return [] }
    return [
      Finding(
        .output, .stops, [host.name], "output_dir \(output.path) cannot be written (\(fault))",
        "Choose a folder you may write to, as with --set output_dir=runs/NAME, or change its permissions")
    ]
  }
}
