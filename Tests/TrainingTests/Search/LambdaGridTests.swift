import Testing

@testable import Training

/// Which values of λ a text means.
struct LambdaGridTests {
  private static let grids: [(String, [Double])] = [
    ("0:1:0.1", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
    ("-0.3:0.3:0.15", [-0.3, -0.15, 0, 0.15, 0.3]),
    ("0:1:0.3", [0, 0.3, 0.6, 0.9]),
    ("0:1:0.3333333333", [0, 0.3333333333, 0.6666666666, 0.9999999999]),
    ("0:1:0.33333333334", [0, 0.33333333334, 0.66666666668, 1]),
    ("1e-3 : 3E-3 : .001", [0.001, 0.002, 0.003]),
    ("0.5:0.5:1", [0.5]),
    ("1,0,0.25", [0, 0.25, 1]),
    ("2", [2]),
    ("+1., -.5", [-0.5, 1]),
  ]

  @Test(arguments: grids.indices) func aGridIsItsDecimalValues(index: Int) throws {
    let (text, values) = Self.grids[index]
    // Exactly: 0.3 is to be what an expression with 0.3 has.
    #expect(try LambdaGrid(text).values == values, "\(text)")
  }

  @Test func athousandValuesAreTheMost() throws {
    #expect(try LambdaGrid("0:999:1").values.count == 1000)
    #expect(throws: AdapterSearchError.badGrid("0:1000:1", .tooMany)) { try LambdaGrid("0:1000:1") }
    #expect(throws: AdapterSearchError.badGrid("0:1e30:1e-30", .tooMany)) { try LambdaGrid("0:1e30:1e-30") }
    let list = (0...1000).map(String.init).joined(separator: ",")
    #expect(throws: AdapterSearchError.badGrid(list, .tooMany)) { try LambdaGrid(list) }
  }

  private static let faults: [(String, AdapterSearchError.GridFault)] = [
    ("", .unreadable), ("a", .unreadable), ("0:1", .unreadable), ("0:1:0.1:2", .unreadable), ("0,,1", .unreadable),
    ("0:1:", .unreadable), ("nan", .unreadable), ("0x1", .unreadable), ("1e999", .unreadable), ("0 1", .unreadable),
    ("0:1:0", .noStep), ("0:1:-0.1", .noStep), ("1:0:0.1", .descends), ("0,1,0.0", .repeats(0)),
  ]

  @Test(arguments: faults.indices) func whatIsNoGridIsRefused(index: Int) {
    let (text, fault) = Self.faults[index]
    #expect(throws: AdapterSearchError.badGrid(text, fault)) { try LambdaGrid(text) }
  }

  private static let texts: [(AdapterSearchError, String)] = [
    (
      .badGrid("x", .unreadable),
      "--grid x: write FROM:TO:STEP, such as 0:1:0.1, or a list of numbers, such as 0,0.25,1"
    ),
    (.badGrid("x", .noStep), "--grid x: the step must be above 0"),
    (.badGrid("x", .descends), "--grid x: it starts above its end; give the smaller number first"),
    (.badGrid("x", .tooMany), "--grid x: these are more than 1000 values; take a larger step"),
    (.badGrid("x", .repeats(0.5)), "--grid x: 0.5 is given twice; leave one out"),
    (
      .unknownMetric("bleu", known: ["rougeL", "loss"]),
      "--metric bleu: no task of the recipe has it; they have rougeL, loss"
    ),
    (
      .nothingToCompare(metrics: ["pearson", "loss"]),
      "no value of λ has a finite mean of pearson, loss: are the adapters sound? Nothing is written"
    ),
  ]

  @Test(arguments: texts.indices) func everyFaultHasItsText(index: Int) {
    let (error, text) = Self.texts[index]
    #expect(error.description == text)
    #expect(CandidateError(0.5, error).description == "at λ = 0.5: " + text)
  }
}
