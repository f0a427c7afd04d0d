import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// What tells a processor and a build from another.
struct MachineFactsTests {
  private let sapphire = """
    processor\t: 0
    vendor_id\t: GenuineIntel
    cpu family\t: 6
    model\t\t: 143
    model name\t: Intel(R) Xeon(R) Platinum 8481C
    cpu MHz\t\t: 2700.000
    flags\t\t: fpu vme sse sse2 avx avx2 avx512f amx_bf16 md_clear

    processor\t: 1
    model name\t: another
    """

  private func facts(_ information: String, caches: [String] = ["L1 48K", "L2 2048K"]) -> [String: Fact] {
    Dictionary(
      uniqueKeysWithValues: MachineFacts.processor(information, caches: caches).map { ($0.name, $0) })
  }

  @Test func kindInstructionsAndCachesAreCompared() {
    let facts = facts(sapphire)
    #expect(
      facts["the processor"]?.value
        == "Intel(R) Xeon(R) Platinum 8481C, GenuineIntel, family 6, model 143")
    #expect(facts["the processor's instructions"]?.value == "amx_bf16 avx avx2 avx512f sse sse2")
    #expect(facts["the processor's cache"]?.value == "L1 48K, L2 2048K")
  }

  /// Clock, fixes against attacks and the order of flags choose no kernel.
  @Test func whatChoosesNoKernelIsLeftOut() {
    let other = sapphire.replacing("2700.000", with: "2300.123").replacing("fpu vme sse sse2", with: "sse2 sse ibrs")
    #expect(facts(other) == facts(sapphire))
    #expect(facts(sapphire.replacing("amx_bf16", with: "amx_fp16")) != facts(sapphire))
    #expect(facts(sapphire.replacing(": 143", with: ": 85")) != facts(sapphire))
    #expect(facts(sapphire, caches: ["L1 32K"]) != facts(sapphire))
  }

  @Test func anArmProcessorHasItsOwnWords() {
    let facts = facts("processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd40")
    #expect(facts["the processor"]?.value == "implementer 0x41, part 0xd40")
    #expect(facts["the processor's instructions"]?.value == "asimd fp sve")
  }

  @Test func librariesThatDecideBitsAreFoundOnce() {
    let maps = """
      7f00-7f01 r-xp 00000000 00:20 12  /usr/lib/libopenblasp-r0.3.21.so
      7f01-7f02 r--p 00001000 00:20 12  /usr/lib/libopenblasp-r0.3.21.so
      7f03-7f04 r-xp 00000000 00:20 14  /usr/lib/libevent_core-2.1.so.7
      7f05-7f06 r-xp 00000000 00:20 15  /usr/lib/libm.so.6
      7f07-7f08 rw-p 00000000 00:00 0
      7f09-7f0a r-xp 00000000 00:20 16  /lib/libdnnl.so.2.6
      """
    let paths = LoadedLibrary.paths(in: maps)
    #expect(paths == ["/lib/libdnnl.so.2.6", "/usr/lib/libm.so.6", "/usr/lib/libopenblasp-r0.3.21.so"])
    #expect(paths.map { LoadedLibrary(path: $0, build: "").name } == ["libdnnl", "libm", "libopenblas"])
    let own = Set(LoadedLibrary.decisiveOnes.map(\.name))
    #expect(own.isSuperset(of: ["libopenblas", "libm", "libc"]))
  }

  /// A file of the format ELF with two notes, the second of them the build's.
  private var elf: [UInt8] {
    func number(_ value: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(value >> (8 * $0) & 255) } }
    let notes =
      number(4, 4) + number(5, 4) + number(1, 4) + Array("GNU\0".utf8) + [1, 2, 3, 4, 5, 0, 0, 0]
      + number(4, 4) + number(3, 4) + number(3, 4) + Array("GNU\0".utf8) + [0x0A, 0xBC, 0xFF, 0]
    let header =
      [0x7F, 0x45, 0x4C, 0x46, 2] + [UInt8](repeating: 0, count: 27) + number(64, 8) + number(0, 8) + number(0, 6)
      + number(56, 2) + number(1, 2) + [UInt8](repeating: 0, count: 6)
    let program = number(4, 4) + number(4, 4) + number(120, 8) + number(0, 16) + number(notes.count, 8)
    return header + program + [UInt8](repeating: 0, count: 120 - 64 - program.count) + notes
  }

  @Test func theBuildIsTheLinkersNoteOrTheContent() throws {
    #expect(elf.withUnsafeBytes(LoadedLibrary.buildNumber) == "0abcff")
    // Cut anywhere, it has none, and nothing is read beyond its end.
    for count in 0..<elf.count - 1 { #expect(elf[..<count].withUnsafeBytes(LoadedLibrary.buildNumber) == nil) }
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "library.so")
      try Data("no such format".utf8).write(to: file)
      #expect(LoadedLibrary.build(of: file) == Checksum.text(Checksum.of("no such format")))
      try Data(elf).write(to: file)
      #expect(LoadedLibrary.build(of: file) == "0abcff")
      #expect(LoadedLibrary.build(of: folder.appending(path: "none")) == "unknown")
    }
  }
}
