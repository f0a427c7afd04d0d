import Testing

@testable import Training

@Suite struct ReportingTextTests {
  @Test(arguments: [
    (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3720, "1 h 02 min"),
    (86400 * 2 + 3 * 3600, "2 d 03 h"), (.nan, "?"), (.infinity, "?"), (-1, "?"),
  ])
  func durationsShowTwoUnits(seconds: Double, text: String) {
    #expect(Formatting.duration(seconds: seconds) == text)
  }

  @Test(arguments: [
    (0, "0"), (1.23456, "1.235"), (4.8e-5, "4.8e-05"), (12345.6, "12346"), (999.96, "1000"), (0.5, "0.5"),
    (-2.5, "-2.5"),
    (2e7, "2e+07"), (.nan, "nan"),
  ])
  func numbersShowFourDigits(value: Double, text: String) {
    #expect(Formatting.number(value) == text)
  }

  @Test func theShortestFormReadsBack() {
    #expect([0, 0.3, -2, 1e-5, 12345.678].map(Formatting.shortest) == ["0", "0.3", "-2", "1e-05", "12345.678"])
  }

  @Test func countsAndSharesAreReadable() {
    #expect([0, 999, 1000, -1_234_567].map(Formatting.count) == ["0", "999", "1,000", "-1,234,567"])
    #expect(Formatting.percent(0.00236) == "0.24 %")
  }

  @Test func tablesAlignTheirColumns() {
    let table = Table(
      columns: [.init("task"), .init("rougeL", .right), .init("note")],
      rows: [["rte", "7.5", ""], ["wic-long", "81.25", "new"]])
    #expect(
      table.lines == [
        "task      rougeL  note",
        "--------  ------  ----",
        "rte          7.5",
        "wic-long   81.25  new",
      ])
  }

  @Test func editDistanceCountsSwapsOnce() {
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("abc", "") == 3)
    #expect(editDistance("kitten", "sitting") == 3)
    #expect(editDistance("tarin", "train") == 1)
    #expect(editDistance("ca", "abc") == 3)  // the restricted distance: no part is edited twice
    #expect(editDistance("same", "same") == 0)
  }

  @Test func nearestIgnoresCaseAndPrefersTheFirst() {
    #expect(nearest(to: "lora", in: ["IA3", "LORA", "FULL"]) == "LORA")
    #expect(nearest(to: "b", in: ["a", "c"]) == "a")
    #expect(nearest(to: "b", in: []) == nil)
  }

  @Test func evaluationsGiveATableWithTheMeanOfWhatThereIs() {
    let record = EvaluationRecord(
      step: 5, epoch: 0.5,
      tasks: [
        .init(name: "rte", scores: [NamedValue("exact_match", 50), NamedValue("rougeL", 60)]),
        .init(name: "wic", scores: [NamedValue("exact_match", 25)]),
      ], seconds: 2)
    #expect(
      record.table.lines == [
        "task  exact_match  rougeL", "----  -----------  ------", "rte            50      60",
        "wic            25       -",
        "mean         37.5      60",
      ])
    #expect(
      record.json.text
        == #"{"step": 5, "epoch": 0.5, "eval": {"mean": {"exact_match": 37.5, "rougeL": 60.0}, "tasks": "#
        + #"{"rte": {"exact_match": 50.0, "rougeL": 60.0}, "wic": {"exact_match": 25.0}}}, "eval_seconds": 2.0}"#)
    #expect(
      record.scalars.map(\.name) == [
        "eval/exact_match", "eval/rougeL", "eval/rte/exact_match", "eval/rte/rougeL", "eval/wic/exact_match",
      ])
  }
}
