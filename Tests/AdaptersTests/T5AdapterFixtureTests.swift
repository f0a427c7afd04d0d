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
  let fixture = try Fixture(family), folder = try fixture.adapter(name)
  let disagreements = try fixture.disagreements(expectedFolder: folder) { disturbance in
    let model = try AdapterFolder.load(folder, into: fixture.backbone(disturbance), routerNoise: .off)
    for entry in model.parameters.entries { disturbance?.apply(to: model.parameters.values(entry.name), entry.name) }
    return model
  }
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
