import Testing

@testable import Tokenizers

struct UnigramModelTests {
  private func model(
    _ entries: [(String, Double)], fallsBackToBytes: Bool = false
  ) throws -> UnigramModel {
    let field = JSONField(file: "tokenizer.json", path: "model.vocab", value: .null)
    return UnigramModel(
      entries.map { .init(token: $0, score: $1) }, unknownId: 0, fallsBackToBytes: fallsBackToBytes,
      vocabulary: try Vocabulary(entries.map(\.0), field))
  }

  private func tokens(_ text: String, _ model: UnigramModel) -> [String] {
    let bytes = Array(text.utf8)
    var ids: [Int32] = []
    var workspace = ModelWorkspace()
    model.append(0..<bytes.count, of: bytes.span, to: &ids, in: &workspace)
    return ids.compactMap(model.vocabulary.token)
  }

  @Test func theHighestTotalScoreWins() throws {
    // SentencePiece's own example.
    let model = try model([
      ("<unk>", 0), ("a", 0), ("b", 0), ("c", 0), ("d", 0), ("cd", 1), ("ab", 2), ("abc", 5), ("abcd", 10),
    ])
    #expect(tokens("abcdacdxx", model) == ["abcd", "a", "cd", "<unk>"])
    #expect(tokens("xaxb", model) == ["<unk>", "a", "<unk>", "b"])
  }

  @Test func unknownTextIsSpelledInBytesWhereThereAreAll() throws {
    let model = try model(
      [("<unk>", 0), ("a", -1), ("<0xC3>", -9), ("<0xA9>", -9)], fallsBackToBytes: true)
    #expect(tokens("aéa", model) == ["a", "<0xC3>", "<0xA9>", "a"])
    // Unknown scalars that follow each other are spelled together or not at all.
    #expect(tokens("éx", model) == ["<unk>"])
  }

  @Test func thePathIsTheBestOfAll() throws {
    var random = SmallGenerator(state: 5)
    for _ in 0..<200 {
      var entries: [(String, Double)] = [("<unk>", -50), ("a", -3), ("b", -4)]
      for length in 2...4 {
        for _ in 0..<3 {
          let token = String((0..<length).map { _ in Bool.random(using: &random) ? "a" : "b" as Character })
          if !entries.contains(where: { $0.0 == token }) {
            entries.append((token, -Double.random(in: 1..<12, using: &random)))
          }
        }
      }
      let scores = Dictionary(uniqueKeysWithValues: entries)
      let text = String((0..<12).map { _ in Bool.random(using: &random) ? "a" : "b" as Character })
      let found = tokens(text, try model(entries))
      #expect(found.joined() == text)
      // The same terms may be added in another order.
      #expect(abs(found.reduce(0) { $0 + scores[$1]! } - best(Array(text), scores)) < 1e-9)
    }
  }

  /// The best total score, by trying every way.
  private func best(_ text: [Character], _ scores: [String: Double]) -> Double {
    if text.isEmpty { return 0 }
    let ways = (1...min(4, text.count)).compactMap { count in
      scores[String(text.prefix(count))].map { $0 + best(Array(text.dropFirst(count)), scores) }
    }
    return ways.max() ?? -.infinity
  }
}
