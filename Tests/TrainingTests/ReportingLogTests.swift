import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct ReportingLogTests {
  private func record(_ step: Int) -> TrainingRecord {
    TrainingRecord(
      step: step, epoch: 0.25, loss: 1.5, taskLosses: [NamedValue("rte", 2), NamedValue("copy", .nan)],
      learningRate: 5e-5, gradientNorm: .infinity, reducedBytes: 64, tokens: 10, tokensPerSecond: 4, skippedSteps: 1,
      etaSeconds: 3, phaseSeconds: [NamedValue("forward", 0.5)])
  }

  private func text(_ folder: URL, _ name: String) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  @Test func metricsAreLinesInAFixedOrder() throws {
    try withTemporaryFolder { folder in
      let log = try MetricsLog(folder: folder, resumingAfter: nil)
      try log.append(record(10).json)
      #expect(
        try text(folder, "metrics.jsonl")
          == #"{"step": 10, "epoch": 0.25, "loss": 1.5, "task_loss": {"rte": 2.0, "copy": null}, "#
          + #""learning_rate": 5e-05, "grad_norm": null, "reduced_bytes": 64, "tokens": 10, "#
          + #""tokens_per_second": 4.0, "skipped_steps": 1, "eta_seconds": 3.0, "#
          + #""phase_seconds": {"forward": 0.5}}"# + "\n")
    }
  }

  @Test func aResumedRunCutsLaterAndBrokenLines() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.jsonl")
      try #"{"step": 1}\#n{"step": 2, "eval": {}}\#n{"step": 3}\#n{"step": 2, "lo"#.write(
        to: file, atomically: true, encoding: .utf8)
      let log = try MetricsLog(folder: folder, resumingAfter: 2)
      try log.append(["step": 3, "loss": 1])
      #expect(
        try text(folder, "metrics.jsonl") == #"{"step": 1}\#n{"step": 2, "eval": {}}\#n{"step": 3, "loss": 1}\#n"#)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["metrics.jsonl"])
    }
  }

  @Test func aNewRunStartsItsMetricsAnewAndAResumedOneMayLackThem() throws {
    try withTemporaryFolder { folder in
      try MetricsLog(folder: folder, resumingAfter: 5).append(["step": 6])
      #expect(try text(folder, "metrics.jsonl") == "{\"step\": 6}\n")
      _ = try MetricsLog(folder: folder, resumingAfter: nil)
      #expect(try text(folder, "metrics.jsonl") == "")
    }
  }

  @Test func aFileThatCannotBeWrittenIsNamed() {
    let folder = URL(filePath: "/proc/missing")
    #expect(throws: ReportingError.self) { _ = try MetricsLog(folder: folder, resumingAfter: nil) }
    #expect(throws: ReportingError.self) { _ = try EventFile(folder: folder) }
    #expect(
      ReportingError.fileFailed(path: "/x/train.log", action: "open", reason: "Permission denied").description
        == "cannot open /x/train.log: Permission denied; check the folder's permissions and the free space")
  }

  @Test func theRunLogKeepsTimeAndEchoes() throws {
    try withTemporaryFolder { folder in
      let output = Output()
      let log = try RunLog(folder: folder, console: output.line(isLive: false), isNew: true) {
        Date(timeIntervalSince1970: 0)
      }
      try log.append("one\ntwo")
      try log.progress(progress(1), isReported: false)
      try log.progress(progress(2), isReported: true)
      let line = "step 2/10  loss 1.5000  rate 5e-05  123.5 tokens/s  ETA 1 h 02 min"
      #expect(output.text == "one\ntwo\n\(line)\n")
      let stamp = "1970-01-01T00:00:00Z"
      #expect(try text(folder, "train.log") == "\(stamp) one\n\(stamp) two\n\(stamp) \(line)\n")
    }
  }

  @Test func aNewRunDropsAnOldLogAndAResumedOneGoesOn() throws {
    try withTemporaryFolder { folder in
      let console = Output().line(isLive: false)
      for (isNew, lineCount) in [(true, 1), (false, 2), (true, 1)] {
        try RunLog(folder: folder, console: console, isNew: isNew).append("x")
        #expect(try text(folder, "train.log").filter { $0 == "\n" }.count == lineCount)
      }
    }
  }

  @Test func onATerminalTheLiveLineStaysBelowTheOthers() {
    let output = Output()
    let line = output.line(isLive: true, width: 21)
    line.show(progress(1))
    line.print("saved")
    line.clear()
    line.print("done")
    let drawn = "\r\u{1B}[Kstep 1/10  loss 1.5…"
    #expect(output.text == "\(drawn)\r\u{1B}[Ksaved\n\(drawn)\r\u{1B}[Kdone\n")
  }

  @Test func colourSurroundsTheLiveLineOnly() {
    let output = Output()
    output.line(isLive: true, isColoured: true).show("a")
    #expect(output.text == "\r\u{1B}[K\u{1B}[36ma\u{1B}[0m")
  }

  @Test func drawingsKeepTheirDistanceButTheLastComes() {
    let output = Output()
    let line = output.line(isLive: true, interval: .seconds(3600))
    line.show("a")
    line.show("b")
    line.show("c", isLast: true)
    #expect(output.text == "\r\u{1B}[Ka\r\u{1B}[Kc")
  }

  private func progress(_ step: Int) -> RunProgress {
    RunProgress(
      step: step, totalSteps: 10, loss: 1.5, learningRate: 5e-5, tokensPerSecond: 123.456, etaSeconds: 3725)
  }
}

/// Collects what a progress line writes.
private final class Output {
  var text = ""

  func line(
    isLive: Bool, isColoured: Bool = false, width: Int = 80, interval: Duration = .zero
  ) -> ProgressLine {
    ProgressLine(isLive: isLive, isColoured: isColoured, interval: interval, width: { width }) { self.text += $0 }
  }
}
