import Foundation

/// `train.log` of the run folder: what a run says, each line with its time (UTC), echoed on standard error.
public final class RunLog {
  /// The file's name in a run folder.
  public static let fileName = "train.log"

  private let file: AppendedFile
  private let console: ProgressLine
  private let now: () -> Date

  /// Opens the log of a run folder; a resumed run's lines come after the older ones.
  ///
  /// - Parameters:
  ///   - folder: The run folder, which exists.
  ///   - console: Where lines are echoed.
  ///   - isNew: Whether the log of an older run in the folder is dropped.
  ///   - now: The clock.
  public init(
    folder: URL, console: ProgressLine, isNew: Bool, now: @escaping () -> Date = { Date() }
  ) throws(ReportingError) {
    let url = folder.appending(path: Self.fileName)
    if isNew, FileManager.default.fileExists(atPath: url.path) {
      do {
        try FileManager.default.removeItem(at: url)
      } catch {
        throw .fileFailed(path: url.path, action: "replace", reason: error.localizedDescription)
      }
    }
    file = try AppendedFile(url)
    self.console = console
    self.now = now
  }

  /// Logs and echoes a line; one with line breaks becomes several.
  public func append(_ text: String) throws(ReportingError) { try append(text, isEchoed: true) }

  /// Logs a table, and echoes it if `isEchoed`.
  public func append(_ table: Table, isEchoed: Bool = true) throws(ReportingError) {
    try append(table.lines.joined(separator: "\n"), isEchoed: isEchoed)
  }

  private func append(_ text: String, isEchoed: Bool) throws(ReportingError) {
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if isEchoed { console.print(String(line)) }
      try record(String(line))
    }
  }

  /// Shows how far the run is: always on a live line; in the log, and on what is no terminal, only if `isReported`.
  public func progress(_ progress: RunProgress, isReported: Bool) throws(ReportingError) {
    console.show(progress)
    guard isReported else { return }
    if !console.isLive { console.print(progress.text) }
    try record(progress.text)
  }

  private func record(_ line: String) throws(ReportingError) {
    try file.append(line: Self.dated(line, now()))
  }

  private static func dated(_ line: String, _ date: Date) -> String { "\(date.formatted(.iso8601)) \(line)" }

  /// Adds a line to the log in `folder` from any thread, beside its owner; it is not echoed.
  static func add(_ line: String, in folder: URL) throws(ReportingError) {
    try AppendedFile(folder.appending(path: fileName)).append(line: dated(line, Date()))
  }
}
