import Foundation
import JSON

/// `metrics.jsonl` of the run folder: a JSON object per line, each with its `step`.
public struct MetricsLog: ~Copyable {
  /// The file's name in a run folder.
  public static let fileName = "metrics.jsonl"

  private let file: AppendedFile

  /// Starts the file of a run folder, or goes on with it.
  ///
  /// - Parameters:
  ///   - folder: The run folder, which exists.
  ///   - step: The step of the checkpoint that the run goes on from: lines of later steps, and a last line that was cut
  ///     short, are removed. nil: the run is new, and the file starts empty.
  public init(folder: URL, resumingAfter step: Int?) throws(ReportingError) {
    let url = folder.appending(path: Self.fileName)
    do {
      let old = step == nil ? Data() : (try? Data(contentsOf: url)) ?? Data()
      try Self.lines(of: old, through: step ?? 0).write(to: url, options: .atomic)
    } catch {
      throw .fileFailed(path: url.path, action: "write", reason: error.localizedDescription)
    }
    file = try AppendedFile(url)
  }

  /// Appends a line; it is in the file when the call returns.
  public func append(_ record: JSONValue) throws(ReportingError) { try file.append(line: record.text) }

  /// The whole lines of `data` whose step is at most `step`.
  private static func lines(of data: Data, through step: Int) -> Data {
    data.split(separator: UInt8(ascii: "\n")).reduce(into: Data()) { kept, line in
      let record = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
      guard let lineStep = record?["step"] as? Int, lineStep <= step else { return }
      kept += line + [UInt8(ascii: "\n")]
    }
  }
}
