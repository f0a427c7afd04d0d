import Foundation
import Glibc
import JSON
import Training

/// Where commands write: results on standard output, all else on standard error.
enum CommandOutput {
  /// Whether this process is the one that speaks before MPI has started: rank 0, or no rank at all.
  static var isFirst: Bool {
    let environment = ProcessInfo.processInfo.environment
    return ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"].compactMap { environment[$0] }.first ?? "0" == "0"
  }

  /// A line for the user, on standard error, once a job.
  static func message(_ text: String) {
    guard isFirst else { return }
    // Where standard error takes no line there is nowhere to say so.
    try? write(text + "\n", to: 2)
  }

  /// A line of results.
  ///
  /// - Throws: ``OutputError`` when standard output does not take it, as all forms do.
  static func result(_ text: String) throws { try write(text + "\n", to: 1) }

  /// A JSON object on a line of its own.
  static func result(_ json: JSONValue) throws { try result(json.text) }

  /// A table of results.
  static func result(_ table: Table) throws { try result(table.lines.joined(separator: "\n")) }

  private static func write(_ text: String, to descriptor: Int32) throws(OutputError) {
    var bytes = ArraySlice(Array(text.utf8))
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { throw OutputError(code: errno) }
      bytes = bytes.dropFirst(max(count, 0))
    }
  }
}

/// Results that standard output does not take, as on a full disk.
struct OutputError: Error, CustomStringConvertible {
  /// The system's error number.
  let code: Int32

  var description: String {
    "cannot write the results to standard output: \(String(cString: strerror(code)))"
  }
}
