import Adapters
import ModelTestSupport
import TestSupport
import Testing
import Training

@Test(
  arguments: [
    "lora", "ia3", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly", "c-poly-raw",
  ])
func anAdapterTrainsAsItsReferenceTrainsIt(name: String) throws {
  let fixture = try Fixture("gpt2")
  let model = try AdapterFolder.load(fixture.adapter(name), into: fixture.backbone(), routerNoise: .off)
  let disagreements = try fixture.disagreements(model, expectedFolder: fixture.adapter(name))
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
