import ArgumentParser
import Foundation
import Training

/// `polyad inspect`.
struct Inspect: SingleCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells what a model, adapter, checkpoint or run folder holds.",
    discussion: "A checkpoint's files are compared with its manifest; one that differs ends with exit code 4.")

  @Argument(help: "The folder.", completion: .directory)
  var folder: String
  @Flag(help: "Print one JSON object.")
  var json = false

  func runAlone() throws {
    let inspection = try CommandError.loadingModel { try FolderInspection(URL(filePath: folder)) }
    if json {
      try CommandOutput.result(inspection.json)
    } else {
      for table in inspection.tables { try CommandOutput.result(table.lines.joined(separator: "\n") + "\n") }
    }
    if let fault = inspection.fault { throw fault }
  }
}
