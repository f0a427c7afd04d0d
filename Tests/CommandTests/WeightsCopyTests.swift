import Foundation
import Tensors
import TestSupport
import Testing

/// `weights_copy`: copies of the frozen weights on a host with several NUMA domains, here a made-up one.
struct WeightsCopyTests {
  /// A shell command that gives the program a kernel's folder with core 0 in one domain and core 1 in another, and each
  /// rank a core of its own.
  private static let bound = "set -- taskset --cpu-list $OMPI_COMM_WORLD_RANK \"$@\""
  private static let domains = """
    mkdir -p nodes/node0 nodes/node1; echo 0 >nodes/node0/cpulist; echo 1 >nodes/node1/cpulist
    set -- unshare --mount bash -c 'mount --bind nodes /sys/devices/system/node; exec "$@"' bash "$@"
    """

  /// Whether this process may make a host look so.
  private static let mayPretend: Bool = {
    guard ProcessorCores.available.isSuperset(of: [0, 1]) else { return false }
    let command = "mkdir nodes; unshare --mount mount --bind nodes /sys/devices/system/node"
    let outcome = try? withTemporaryFolder { try PolyadProcess.run(["--version"], in: $0, shell: "set -e; \(command)") }
    return outcome?.exitCode == 0
  }()

  @Test(.enabled(if: mayPretend, "needs root, cores 0 and 1"), arguments: ["fp32", "bf16"])
  func copiesChangeNoByte(precision: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["precision"] = precision
      let one = try folder.trained(ranks: 2, as: "one", ["weights_copy=node"])
      for (choice, ranks) in [("numa", 2), ("auto", 2)] {
        let outcome = try folder.train(
          ranks: ranks, ["weights_copy=\(choice)", "output_dir=\(choice)"], shell: Self.domains, rankShell: Self.bound)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let log = try String(contentsOf: folder.file("\(choice)/train.log"), encoding: .utf8)
        #expect(
          log.contains(#/frozen weights: 2 copies on \S+, one in each of NUMA domains 0 and 1 \(weights_copy: /#),
          "\(log)")
        #expect(try folder.weights(of: choice) == one)
      }
    }
  }

  @Test(.enabled(if: mayPretend, "needs root, cores 0 and 1")) func ranksThatAreNotBoundAreTold() throws {
    try TrainFolder.with { folder in
      let free = try folder.train(ranks: 2, options: ["--dry-run", "--json"], shell: Self.domains)
      #expect(free.exitCode == 0 && free.standardOutput.contains(#""weight_copies": 1"#), "\(free.standardError)")
      #expect(free.standardOutput.contains("the cores of the host's rank 0 lie in NUMA domains 0 and 1"))
      let refused = try folder.train(ranks: 2, ["weights_copy=numa"], shell: Self.domains)
      #expect(refused.exitCode == 2)
      #expect(
        refused.messages.count == 1
          && refused.messages[0].contains(
            "`weights_copy` is numa (--set); it must be auto or node, or each rank bound to cores of one domain (mpirun "
              + "--bind-to core): on "),
        "\(refused.standardError)")
    }
  }

  @Test func oneDomainHasOneCopy() throws {
    try TrainFolder.with { folder in
      let shown = try folder.train(["weights_copy=node"], options: ["--dry-run"])
      #expect(shown.standardError.contains(/frozen weights: one copy on \S+ \(weights_copy: node\)/))
    }
  }
}
