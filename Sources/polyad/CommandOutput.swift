import Foundation
import Glibc
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
    write(text + "\n", to: 2)
  }

  /// A line of results.
  static func result(_ text: String) { write(text + "\n", to: 1) }

  /// A JSON object on a line of its own.
  static func result(_ json: JSONValue) { result(json.text) }

  /// A table of results.
  static func result(_ table: Table) { result(table.lines.joined(separator: "\n")) }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = ArraySlice(Array(text.utf8))
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { return }
      bytes = bytes.dropFirst(max(count, 0))
    }
  }
}
