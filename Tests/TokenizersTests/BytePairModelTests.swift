import Foundation
import Testing

@testable import Tokenizers

struct BytePairModelTests {
  @Test func fastMergesAgreeWithThePlainLoop() {
    var random = SmallGenerator(state: 1)
    for _ in 0..<300 {
      // Three letters, and merges of tokens made so far: many ties and overlaps.
      var merges: [[Int32]] = []
      var table = MergeTable(count: 12)
      for rank in 0..<Int32(12) {
        let pair = [Int32.random(in: 0..<3 + rank, using: &random), Int32.random(in: 0..<3 + rank, using: &random)]
        if merges.contains(pair) { continue }
        merges.append(pair)
        table.insert(pair[0], pair[1], .init(rank: rank, id: 3 + rank))
      }
      let word = (0..<Int.random(in: 0..<40, using: &random)).map { _ in Int32.random(in: 0..<3, using: &random) }
      var workspace = MergeWorkspace()
      var ids: [Int32] = []
      workspace.begin()
      for symbol in word { workspace.append(symbol) }
      workspace.merge(by: table, into: &ids)
      #expect(ids == plainMerge(word, table))
    }
  }

  /// The rule as it is defined: find the lowest rank, leftmost first, merge, start again.
  private func plainMerge(_ word: [Int32], _ table: MergeTable) -> [Int32] {
    var word = word
    while true {
      let merges = word.indices.dropLast().compactMap { index in
        table.merge(word[index], word[index + 1]).map { (index, $0) }
      }
      guard let (index, merge) = merges.min(by: { ($0.1.rank, $0.0) < ($1.1.rank, $1.0) }) else { return word }
      word.replaceSubrange(index...index + 1, with: [merge.id])
    }
  }

  @Test(arguments: [false, true])
  func mergesMayBePairsOrText(mergesAsText: Bool) throws {
    let file = TokenizerJSON(merges: [["a", "b"], ["Ġ", "ab"]], mergesAsText: mergesAsText)
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.tokens("ab ab b") == ["ab", "Ġab", "Ġ", "b"])
  }

  @Test func ignoreMergesTakesWholeWordsFirst() throws {
    // "abc" is a token, but after b+c no merge leads to it.
    var file = TokenizerJSON(merges: [["b", "c"], ["a", "b"], ["ab", "c"]])
    #expect(try file.tokenizer().tokens("abc abc") == ["a", "bc", "Ġ", "a", "bc"])
    file.modelOptions += #", "ignore_merges": true"#
    #expect(try file.tokenizer().tokens("abc abc") == ["abc", "Ġ", "a", "bc"])
  }

  @Test func bytesWithoutATokenAreDropped() throws {
    let file = TokenizerJSON(merges: [["a", "b"]], missingBytes: [UInt8(ascii: "Z")])
    #expect(try file.tokenizer().tokens("aZb") == ["ab"])
  }

  @Test func withoutThePatternATextIsOneWord() throws {
    var file = TokenizerJSON(merges: [["a", "Ġ"], ["aĠ", "b"]])
    file.preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#
    #expect(try file.tokenizer().tokens("a b1") == ["aĠb", "1"])
    let long = String(repeating: "a b", count: 20000)
    #expect(try file.tokenizer().tokens(long) == Array(repeating: "aĠb", count: 20000))
  }

  @Test func anyTextComesBack() throws {
    let tokenizer = try TokenizerJSON(merges: [["Ã", "©"], ["ð", "Ł"], ["e", "Ì"]]).tokenizer()
    var random = SmallGenerator(state: 2)
    for _ in 0..<200 {
      let scalars = (0..<20).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0..<0x11_0000, using: &random)) }
      let text = String(String.UnicodeScalarView(scalars)) + "é e\u{301} 😀 \r\n"
      #expect(Array(tokenizer.decode(tokenizer.encode(text)).utf8) == Array(text.utf8))
    }
  }

  @Test func aFullCacheStartsAgain() throws {
    let tokenizer = try TokenizerJSON().tokenizer()
    // More distinct words than the cache holds, then the first again.
    let text = (0..<WordCache.capacity + 10).map { " \($0)" }.joined()
    #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    #expect(tokenizer.tokens(" 17") == ["Ġ", "1", "7"])
  }
}

/// Random numbers that are the same in every run (xorshift64*, Vigna 2016).
struct SmallGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 2_685_821_657_736_338_717
  }
}
