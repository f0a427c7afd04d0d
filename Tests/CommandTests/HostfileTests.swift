import Foundation
import Testing

/// launch/lib/hostfile.sh reads hostfiles as Open MPI 4.1 does.
struct HostfileTests {
  /// What `mpirun --hostfile F --display-allocation` of Open MPI 4.1.4 shows for these, or the file without what it
  /// stumbles over (carriage returns, a byte order mark).
  static let files: [(text: String, hosts: String)] = [
    ("node1 slots=1\nnode2 slots=2\n", "node1 slots=1;node2 slots=2;"),
    ("node1 slots=1\nnode2 slots=2", "node1 slots=1;node2 slots=2;"),
    ("node1 slots=1\r\nnode2 slots=2\r\n", "node1 slots=1;node2 slots=2;"),
    ("\u{FEFF}node1 slots=1\n", "node1 slots=1;"),
    (
      "\tnode1\tslots = 2 # a comment\n\n# another\n// a third\n  node2   slots= 1#and one\n",
      "node1 slots=2;node2 slots=1;"
    ),
    (
      "/* node0 slots=4 # off\nnode9 */ node1 slots=2 /* a */\n// /* b\nnode2 slots=1 /* c\n",
      "node1 slots=2;node2 slots=1;"
    ),
    ("node1 cpu=2\nnode2 count=3\n", "node1 slots=2;node2 slots=3;"),
    ("node1 slots=1 max_slots=4\nnode2 max-slots=2\n", "node1 slots=1;node2 slots=2;"),
    // Without slots as many as the host has cores; a further line is a slot more.
    ("node1\nnode2 slots=1\n", "node1 slots=;node2 slots=1;"),
    ("node1\nnode2\nnode1\nnode1\n", "node1 slots=3;node2 slots=;"),
    ("node1 slots=2\nnode2 slots=1\nnode1\n", "node1 slots=3;node2 slots=1;"),
    ("node1 slots=0\nnode2 slots=1\n", "node2 slots=1;"),
    (
      "ada@node1 slots=1\nnode2 slots=2 username=bob\n10.0.0.3 slots=1 port=2222\n",
      "ada@node1 slots=1;bob@node2 slots=2;10.0.0.3 slots=1 port=2222;"
    ),
    ("node1.example.com slots=1\n", "node1.example.com slots=1;"),
  ]

  private func read(_ text: String) throws -> (code: Int32, output: String) {
    var result: (Int32, String) = (-1, "")
    try LauncherFolder.with { folder in
      try Data(text.utf8).write(to: folder.training.file("hosts"))
      result = try folder.shell(["hosts", "hostfile"], "read_hostfile hosts; hostfile_lines | tr '\\n' ';'")
    }
    return result
  }

  @Test(arguments: files) func aFileIsReadAsOpenMPIReadsIt(file: (text: String, hosts: String)) throws {
    let result = try read(file.text)
    #expect(result.code == 0 && result.output == file.hosts, "\(file.text)")
  }

  static let names = "is no host that Open MPI takes (letters, digits, dots and hyphens)"
  static let form = "a line is HOST, or USER@HOST, and slots=RANKS."
  static let faults: [(text: String, message: String)] = [
    ("# nothing\n", "hosts names no host."),
    ("node1 slots=0\n", "hosts: every host has slots=0."),
    ("node1 slots=1\nnode2 slots=two\n", "hosts, line 2: slots=two must be a whole number."),
    ("node1 slots\n", "hosts, line 1: \"slots\" cannot be read; \(form)"),
    ("node1 node2\n", "hosts, line 1: \"node2\" cannot be read; \(form)"),
    ("\nnode1 cpus=2\n", "hosts, line 2: \"cpus\" is nothing that Open MPI 4.1 knows in a hostfile; \(form)"),
    (
      "node[1-2] slots=1\n",
      "hosts, line 1: \"node[1-2]\" \(names); \(form)"
    ),
    ("^node1\n", "hosts, line 1: \"^node1\" \(names); \(form)"),
    ("node1 slots=2 slots=3\n", "hosts, line 1: the slots of node1 are given twice."),
    (
      "node1 slots=1\nnode2 slots=1\nnode1 slots=2\n",
      "hosts, line 3: node1 has a line already: give it one line with slots=RANKS, or a line a rank without slots."
    ),
    (
      "localhost slots=1\n127.0.0.1 slots=2\n",
      "hosts, line 2: 127.0.0.1 is localhost and has a line already: give it one line with slots=RANKS, or a line a "
        + "rank without slots."
    ),
    ("node1 slots=4 max_slots=2\n", "hosts, line 1: node1 has more slots than its maximum of 2."),
  ]

  @Test(arguments: faults) func aLineThatCannotBeReadIsNamed(fault: (text: String, message: String)) throws {
    let result = try read(fault.text)
    #expect(result.code == 2 && result.output == fault.message + "\n", "\(result.output)")
  }
}
