import Adapters
import ModelTestSupport
import TestSupport
import Testing
import Training

@Test(
  arguments: ["llama", "gemma"],
  [
    "lora", "ia3", "dora", "poly", "mhr", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly",
    "c-poly-raw",
  ])
func anAdapterOfADecoderTrainsAsItsReferenceTrainsIt(family: String, name: String) throws {
  let fixture = try Fixture(family)
  let model = try AdapterFolder.load(fixture.adapter(name), into: fixture.backbone(), routerNoise: .off)
  let disagreements = try fixture.disagreements(model, expectedFolder: fixture.adapter(name))
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
