import ArgumentParser

/// `polyad bench`: what this machine and this program do in a second.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures training steps, how they scale, decoding, matrix products and sums over ranks.",
    subcommands: [
      BenchStep.self, BenchScaling.self, BenchGenerate.self, BenchMatmul.self, BenchReduction.self,
    ])
}
