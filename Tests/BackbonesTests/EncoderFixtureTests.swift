import Adapters
import Backbones
import ModelTestSupport
import TestSupport
import Testing

struct EncoderFixtureTests {
  @Test(arguments: ["bert", "roberta"]) func theWholeModelTrainsAsHuggingFaceDoes(family: String) throws {
    let fixture = try Fixture(family)
    let model = try AdapterModel(AdapterConfiguration(peftType: .full), backbone: fixture.backbone(), seed: 0)
    let disagreements = try fixture.disagreements(model, expectedFolder: fixture.folder)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }
}
