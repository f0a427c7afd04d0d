import ModelTestSupport
import Testing

@Test(
  arguments: [
    "lora", "ia3", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly", "c-poly-raw",
  ])
func anAdapterTrainsAsItsReferenceTrainsIt(name: String) throws {
  let disagreements = try Fixture("gpt2").disagreements(adapter: name)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
