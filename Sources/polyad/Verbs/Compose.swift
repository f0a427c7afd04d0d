import Adapters
import ArgumentParser
import Checkpoints
import Foundation

extension ArithmeticOperator: ExpressibleByArgument {}
extension MajoritySign: ExpressibleByArgument {}

/// `polyad compose`.
struct Compose: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Adds, negates and combines adapters without training.",
    discussion: """
      Either an expression over named adapters:
        polyad compose "0.8*cls + 0.2*(target - source)" --adapter cls=DIR --adapter target=DIR --adapter source=DIR …
      or an operator with weights: polyad compose --operator ties --weights 1,0.8 --density 0.5 --adapter DIR …

      add (an expression's default), negate (one weight, λ) and analogy (c0 and c1 of c0 a + c1 (b - c)) are those of \
      Zhang et al. 2023: weights on LoRA's A and B apart, a minus on B alone; a single adapter's weight counts once. \
      (IA)^3 vectors add as 1 + sum of w (l - 1). linear, cat, svd, ties, magnitude_prune, dare_linear and dare_ties \
      are PEFT's. cat is the exact weighted sum, of all ranks together; svd the nearest of a smaller rank; the others \
      hold cross terms of A and B. The error of each against the exact sum is printed.

      --peft-compatible takes PEFT's results where they are not what the operator says: ties and dare_ties elect \
      signs without the weights' signs; linear adds (IA)^3 vectors themselves, so that a weight of -1 does not negate; \
      a single adapter is always treated by linear.

      Classification heads and other modules trained whole become the mean of those adapters that hold them, with \
      the same weights. Token-routed adapters of one shape are added element by element (add, linear); of task-routed \
      ones export a task first.

      Models trained whole (FULL), given as --adapter, are summed by what training changed in them: \
      base + sum of w (model - base), the base being --model, which may be left out where the weights sum to 1. ties, \
      magnitude_prune, dare_linear and dare_ties prune those changes, with plain weights; cat and svd do not apply. \
      The result is a Hugging Face folder with the first model's configuration and heads.

      --search "λ*a + (1-λ)*b" (or lambda) scores the adapter of each λ of --grid on the test files of --recipe, as \
      evaluate does, and writes the best with search.json and search.svg, its scores over λ. Under mpirun the ranks \
      share the values of λ; in a draw the least wins. λ is chosen on those files: let them be validation data, not what you report.
      """)

  @Argument(help: "A sum of named adapters, such as \"0.6*mnli + 0.4*rte\" or \"-0.7*toxic\".")
  var expression: String?
  @Option(name: .customLong("operator"), help: "How to combine them. Default with an expression: add.")
  var operation: ArithmeticOperator?
  @Option(parsing: .unconditional, help: "The weights without an expression, such as 0.6,0.4.")
  var weights: NumberList?
  @Option(
    name: .customLong("adapter"), help: "A folder of an adapter or a whole model; in an expression NAME=DIR.",
    completion: .directory)
  var adapters: [String] = []
  @Option(help: "ties, magnitude_prune, dare_linear, dare_ties: the share of the entries that stay.")
  var density: Double?
  @Option(help: "ties, dare_ties: how signs are elected. Default: total.")
  var majority: MajoritySign?
  @Option(help: "svd: the result's rank. Default: the largest of the adapters'.")
  var rank: Int?
  @Option(help: "dare_linear, dare_ties: the seed of the random drop. Default: 0.")
  var seed: UInt64?
  @Option(help: "Of models trained whole: the one that all were trained from, as for score.")
  var model: String?
  @Option(help: "The base model's name, where the adapters know it under several.")
  var baseModel: String?
  @Flag(help: "PEFT's results where they are not what the operator says.")
  var peftCompatible = false
  @Flag(help: "Leave out classification heads and other modules that are trained whole.")
  var withoutHeads = false
  @OptionGroup var searchOptions: SearchOptions
  @Option(help: "The folder to write; it must not be there yet, or be empty.", completion: .directory)
  var output: String
  @Flag(help: "Replace the output folder, if it holds a composed adapter (with its composition.json) and nothing else.")
  var overwrite = false
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws { try searchOptions.validate(besides: expression) }

  func run() throws {
    if let search = searchOptions.search {
      try RankedWork.run(allowsMixedProcessors: searchOptions.allowMixedProcessors) {
        try ComposeSearch(self, search).run(on: $0)
      }
    } else if CommandOutput.isFirst {
      try compose()
    }
  }

  private func compose() throws {
    let chosen = operation ?? .add
    let named = try sum(chosen)
    try options.validate(for: chosen)
    if let models = try ModelComposition(chosen, named, self) { return try models.compose() }
    try requireOutput(among: named.map(\.folder))
    let terms = try named.map { term in
      WeightedAdapter(name: term.name, adapter: try Self.adapter(in: term.folder), weight: term.weight)
    }
    let request =
      expression == nil
      ? ArithmeticRequest(chosen, terms, options: options)
      : ArithmeticRequest(chosen, expression: terms, options: options)
    let composition = try Composition(request)
    let report = CompositionReport(request, composition, output: output)
    try AtomicFolder.write(to: URL(filePath: output), replaceExisting: overwrite, writesManifest: false) {
      try composition.result.write(into: $0)
      try Self.write(report.record, into: $0)
    }
    if json { return try CommandOutput.result(report.json) }
    try CommandOutput.result(report.lines.joined(separator: "\n"))
  }

  /// - Throws: `CommandError`, or an error of the adapter.
  static func adapter(in folder: URL) throws -> SavedAdapter {
    try ModelOptions.requireAdapter(in: folder)
    return try CommandError.loadingModel { try SavedAdapter(folder) }
  }

  var options: ArithmeticOptions {
    var options = ArithmeticOptions()
    (options.density, options.majority, options.rank, options.seed) = (density, majority, rank, seed)
    (options.isPEFTCompatible, options.leavesOutWholeModules) = (peftCompatible, withoutHeads)
    options.baseModel = baseModel
    return options
  }
}
