import Adapters
import Backbones
import ModelTestSupport
import Testing
import Training

@Test
func theWholeModelTrainsAsHuggingFaceDoes() throws {
  let disagreements = try Fixture("gpt2").disagreements()
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}

@Test
func greedyContinuationsAreHuggingFaces() throws {
  let fixture = try Fixture("gpt2")
  let generator = Generator(AdapterModel(bare: try fixture.backbone()))
  let longest = fixture.continuations.map(\.answer.count).max()!
  let prompts = fixture.continuations.map(\.prompt)
  let together = generator.greedy(
    prompts: prompts, routes: prompts.map { _ in 0 }, maximumCount: longest, endId: 0)
  #expect(together == fixture.continuations.map(\.answer))
  for (prompt, answer) in zip(prompts, together) {
    #expect(generator.greedy(prompts: [prompt], routes: [0], maximumCount: longest, endId: 0) == [answer])
  }
}
