/// Why no search for λ can be made, or none has a result.
public enum AdapterSearchError: Error, CustomStringConvertible, Equatable {
  /// What is wrong with a grid.
  public enum GridFault: Sendable, Equatable {
    case unreadable
    case noStep
    case descends
    case tooMany
    case repeats(Double)
  }

  case badGrid(String, GridFault)
  case unknownMetric(String, known: [String])
  case nothingToCompare(metrics: [String])

  /// Whether the command was called wrongly, and no file is at fault.
  public var isUsage: Bool {
    if case .nothingToCompare = self { false } else { true }
  }

  public var description: String {
    switch self {
    case .badGrid(let text, let fault): "--grid \(text): \(Self.text(fault))"
    case .unknownMetric(let name, let known):
      "--metric \(name): no task of the recipe has it; they have \(known.joined(separator: ", "))"
    case .nothingToCompare(let metrics):
      "no value of λ has a finite mean of \(metrics.joined(separator: ", ")): are the adapters sound? Nothing is "
        + "written"
    }
  }

  private static func text(_ fault: GridFault) -> String {
    switch fault {
    case .unreadable: "write FROM:TO:STEP, such as 0:1:0.1, or a list of numbers, such as 0,0.25,1"
    case .noStep: "the step must be above 0"
    case .descends: "it starts above its end; give the smaller number first"
    case .tooMany: "these are more than \(LambdaGrid.largestCount) values; take a larger step"
    case .repeats(let value): "\(Formatting.shortest(value)) is given twice; leave one out"
    }
  }
}

/// An error at one value of λ.
public struct CandidateError: Error, CustomStringConvertible {
  public let lambda: Double
  public let cause: any Error

  public init(_ lambda: Double, _ cause: any Error) { (self.lambda, self.cause) = (lambda, cause) }

  public var description: String { "at λ = \(Formatting.shortest(lambda)): \(cause)" }
}
