import Adapters
import Backbones
import ModelTestSupport
import Testing
import Training

struct DecoderFixtureTests {
  @Test(arguments: ["llama", "gemma"]) func theWholeDecoderTrainsAsHuggingFaceDoes(family: String) throws {
    let disagreements = try Fixture(family).disagreements()
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: ["llama", "gemma"]) func greedyContinuationsAreHuggingFaces(family: String) throws {
    let fixture = try Fixture(family)
    let generator = Generator(AdapterModel(bare: try fixture.backbone()))
    let longest = fixture.continuations.map(\.answer.count).max()!
    let prompts = fixture.continuations.map(\.prompt)
    let together = generator.greedy(
      prompts: prompts, routes: prompts.map { _ in 0 }, maximumCount: longest, endId: nil)
    #expect(together == fixture.continuations.map(\.answer))
    for (prompt, answer) in zip(prompts, together) {
      #expect(generator.greedy(prompts: [prompt], routes: [0], maximumCount: longest, endId: nil) == [answer])
    }
  }
}
