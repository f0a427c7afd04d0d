import Adapters
import ModelTestSupport
import TestSupport
import Testing
import Training

@Test(
  arguments: ["t5", "flan-t5"],
  [
    "lora", "ia3", "dora", "poly", "mhr", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly",
    "c-poly-raw",
  ])
func anAdapterOfT5TrainsAsItsReferenceTrainsIt(family: String, name: String) throws {
  let fixture = try Fixture(family)
  let model = try AdapterFolder.load(fixture.adapter(name), into: fixture.backbone(), routerNoise: .off)
  let disagreements = try fixture.disagreements(model, expectedFolder: fixture.adapter(name), .t5)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
