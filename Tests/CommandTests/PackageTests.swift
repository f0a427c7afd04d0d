import Foundation
import TestSupport
import Testing

/// launch/package, with a program that stands for one with Swift's runtime in it: a script that starts the tests' own.
struct PackageTests {
  private static let root = SharedFolder.packageRoot.path
  /// Names that a linker would have written into the program.
  private static let script = """
    #!/bin/sh
    # GLIBC_2.4 GLIBC_2.17 GLIBC_2.9 libdnnl.so.3
    exec "\(PolyadProcess.executable.path)" "$@"

    """

  /// Runs shell text in a folder.
  private func shell(_ text: String, in folder: URL) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run([], in: folder, shell: "set -eu; \(text); exit")
  }

  /// Packs a program, here called `program`, into `package.tar.gz`.
  private func pack(_ folder: URL, program: String = Self.script) throws -> PolyadProcess.Outcome {
    let file = folder.appending(path: "program")
    try Data(program.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    return try shell("POLYAD_PROGRAM=$PWD/program \(Self.root)/launch/package package.tar.gz", in: folder)
  }

  @Test func aPackageTrainsWithoutTheSourcesAndSwift() throws {
    try TrainFolder.with { training in
      try training.writeRecipe()
      let folder = training.url, packed = try pack(folder)
      #expect(packed.exitCode == 0, "\(packed.standardError)")
      let needs = "OpenBLAS, oneDNN 3, and the C library (glibc) 2.17 or newer\n"
      #expect(packed.standardError.contains(/package: package.tar.gz: \d+ MiB; hosts need Open MPI,/))
      #expect(packed.standardError.hasSuffix(needs), "\(packed.standardError)")
      let run = try shell(
        """
        mkdir there; tar -xf package.tar.gz -C there --strip-components 1
        mkdir empty; printf '#!/bin/sh\\nexit 9\\n' >empty/swift; chmod +x empty/swift
        PATH=$PWD/empty:$PATH; there/launch/setup
        there/launch/local -n 1 recipe.yaml --set max_steps=2
        cd there/completions; bash -n polyad.bash; test -s _polyad; test -s polyad.fish
        """, in: folder)
      #expect(run.exitCode == 0, "\(run.standardError)")
      #expect(run.standardError.contains("/there/bin/polyad train recipe.yaml"))
      #expect(training.exists("run/adapter_model.safetensors"))
      let readme = try String(contentsOf: folder.appending(path: "there/README.md"), encoding: .utf8)
      #expect(!readme.contains("@") && readme.contains("(glibc) 2.17 or newer") && readme.contains("libdnnl3"))
      let tiny = folder.appending(path: "there/bin/polyad_Training.resources/tiny/model.safetensors")
      #expect(FileManager.default.fileExists(atPath: tiny.path))
      for name in try links(of: readme) {
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "there/\(name)").path), "\(name)")
      }
    }
  }

  /// The files that a page links to.
  private func links(of page: String) throws -> [String] {
    let found = page.matches(of: /\]\(([^)#]+)\)/).map { String($0.1) }
    try #require(found.count > 3)
    return found
  }

  @Test func theSameProgramGivesTheSameBytes() throws {
    try withTemporaryFolder { folder in
      let packages = try (0..<2).map { _ in
        #expect(try pack(folder).exitCode == 0)
        return try Data(contentsOf: folder.appending(path: "package.tar.gz"))
      }
      #expect(packages[0] == packages[1])
    }
  }

  @Test func whatCannotBePackedIsTold() throws {
    try withTemporaryFolder { folder in
      let launcher = "\(Self.root)/launch/package"
      let tests = PolyadProcess.executable.path
      for (call, text) in [
        ("POLYAD_PROGRAM=\(tests) \(launcher) x.tar.gz", "package: \(tests) needs Swift's runtime (lib"),
        ("POLYAD_PROGRAM=none \(launcher) x.tar.gz", "package: there is no program none\n"),
        ("\(launcher) none/x.tar.gz", "package: there is no folder none to write none/x.tar.gz into\n"),
        ("\(launcher) --file", "package: usage: launch/package [FILE]\n"),
        ("\(launcher) a b", "package: usage: launch/package [FILE]\n"),
      ] {
        let outcome = try shell(call, in: folder)
        #expect(outcome.exitCode == 2)
        #expect(outcome.standardError.hasPrefix(text), "\(outcome.standardError)")
        #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "x.tar.gz").path))
    }
  }

  /// Without a package manager, as on most clusters, what is missing is named.
  @Test func aPackageNamesTheLibrariesThatAreMissing() throws {
    try withTemporaryFolder { folder in
      #expect(try pack(folder).exitCode == 0)
      let outcome = try shell(
        """
        mkdir there tools; tar -xf package.tar.gz -C there --strip-components 1
        for tool in bash env dirname sed grep head; do ln -s "$(command -v $tool)" tools/$tool; done
        printf '#!/bin/sh\\nprintf "\\\\tlibopenblas.so.0 => not found\\\\n"\\n' >tools/ldd; chmod +x tools/ldd
        PATH=$PWD/tools there/launch/setup
        """, in: folder)
      #expect(outcome.exitCode == 1)
      #expect(
        outcome.standardError
          == "setup: needs Open MPI and OpenBLAS; install openmpi-bin libopenblas0-pthread (Debian's names) and start again.\n",
        "\(outcome.standardError)")
    }
  }
}
