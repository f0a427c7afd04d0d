import Foundation

/// The Open MPI that is installed on this host, as its own tools tell.
enum InstalledMPI {
  static var facts: HostFacts.OpenMPI {
    let environment = ProcessInfo.processInfo.environment
    let path = environment["PATH"] ?? ""
    let daemon = tool("orted", path)
    // The daemon's own folder holds the mpirun that is of one version with it.
    let mpirun = daemon.map { ($0 as NSString).deletingLastPathComponent + "/mpirun" } ?? tool("mpirun", path)
    let version = mpirun.flatMap { output([$0, "--version"]) }?.split(separator: "\n").first?.split(separator: " ").last
    let parts = tool("ompi_info", path).flatMap { output([$0, "--parsable"]) } ?? ""
    return HostFacts.OpenMPI(
      version: daemon == nil ? nil : version.map(String.init), protocols: components("pml", in: parts),
      transports: components("btl", in: parts), fabrics: fabrics,
      settings: environment.filter { $0.key.hasPrefix("OMPI_MCA_btl") || $0.key.hasPrefix("OMPI_MCA_pml") })
  }

  /// The names in the lines "mca:btl:vader:version:…" of `ompi_info --parsable`.
  static func components(_ framework: String, in text: String) -> [String] {
    let names = text.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: ":")
      return words.count > 2 && words[0] == "mca" && words[1] == framework ? String(words[2]) : nil
    }
    return Set(names).sorted()
  }

  /// InfiniBand and its like whose port is active.
  private static var fabrics: [String] {
    let root = "/sys/class/infiniband"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.sorted().filter { name in
      let ports = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(name)/ports")) ?? []
      return ports.contains { KernelFile.text("\(root)/\(name)/ports/\($0)/state").contains("ACTIVE") }
    }
  }

  private static func tool(_ name: String, _ path: String) -> String? {
    path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// What a tool prints; nil where it fails.
  private static func output(_ command: [String]) -> String? {
    let process = Process(), pipe = Pipe()
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    (process.standardInput, process.standardOutput, process.standardError) = (
      FileHandle.nullDevice, pipe, FileHandle.nullDevice
    )
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: (try? pipe.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return process.terminationStatus == 0 ? text : nil
  }
}
