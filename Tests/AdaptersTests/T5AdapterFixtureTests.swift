import ModelTestSupport
import Testing

@Test(
  arguments: ["t5", "flan-t5"],
  [
    "lora", "ia3", "dora", "poly", "mhr", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly",
    "c-poly-raw",
  ])
func anAdapterOfT5TrainsAsItsReferenceTrainsIt(family: String, name: String) throws {
  let disagreements = try Fixture(family).disagreements(adapter: name)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
