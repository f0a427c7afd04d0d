import ModelTestSupport
import Testing

@Test(
  arguments: ["llama", "gemma"],
  [
    "lora", "ia3", "dora", "poly", "mhr", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly",
    "c-poly-raw",
  ])
func anAdapterOfADecoderTrainsAsItsReferenceTrainsIt(family: String, name: String) throws {
  let disagreements = try Fixture(family).disagreements(adapter: name)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}
