import ModelTestSupport
import Testing

struct EncoderFixtureTests {
  @Test(arguments: ["bert", "roberta"]) func theWholeModelTrainsAsHuggingFaceDoes(family: String) throws {
    let disagreements = try Fixture(family).disagreements()
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }
}
