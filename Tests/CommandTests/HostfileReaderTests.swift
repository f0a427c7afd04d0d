import Foundation
import Testing

@testable import polyad

/// The program reads hostfiles as `launch/lib/hostfile.sh`, and so Open MPI, does.
struct HostfileReaderTests {
  private func read(_ text: String) throws -> Hostfile {
    try Hostfile(text: text, path: "hosts") { ["localhost", "127.0.0.1"].contains($0) }
  }

  @Test(arguments: HostfileTests.files) func aFileIsReadAsOpenMPIReadsIt(file: (text: String, hosts: String)) throws {
    let lines = try read(file.text).hosts.map { $0.line + ";" }.joined()
    #expect(lines == file.hosts.replacing(" slots=;", with: ";"), "\(file.text)")
  }

  @Test(arguments: HostfileTests.faults)
  func aLineThatCannotBeReadIsNamed(fault: (text: String, message: String)) throws {
    let error = #expect(throws: HostfileError.self) { try read(fault.text) }
    #expect(error?.description == fault.message)
  }

  @Test func aFileThatIsNotThereIsNamed() {
    #expect(throws: HostfileError.unreadable(path: "none")) { try Hostfile(path: "none") }
    #expect(
      HostfileError.unreadable(path: "none").description
        == "no hostfile none; hostfiles/example shows how to write one.")
  }
}
