import ArgumentParser

/// `polyad bench`: what this machine and this program do in a second.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures training steps, decoding, matrix products, sums over ranks, and how steps scale with ranks.",
    subcommands: [
      BenchStep.self, BenchLayers.self, BenchGenerate.self, BenchMatmul.self, BenchReduction.self, BenchScaling.self,
    ])
}
