import ArgumentParser
import Foundation
import Tasks
import Tokenizers
import Training

/// `polyad tokenize`.
struct Tokenize: SingleCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turns texts into token ids, line by line.",
    discussion: """
      Reads JSON lines {"text": ""} from standard input and prints {"ids": [], "decoded": ""} for each at once; \
      decoded is the ids' text without special tokens.
      """)

  @Option(help: "The tokenizer's folder, or a model's name.", completion: .directory)
  var tokenizer: String
  @Flag(help: "Leave out the special tokens that the tokenizer adds around a text.")
  var noSpecialTokens = false

  private struct Line: Decodable {
    let text: String
  }

  func runAlone() throws {
    let tokenizer = try CommandError.loadingModel {
      try Tokenizer(folder: ModelAssembly.tokenizerFolder(self.tokenizer))
    }
    let decoder = JSONDecoder()
    var number = 0
    while let json = readLine() {
      number += 1
      if json.allSatisfy(\.isWhitespace) { continue }
      guard let line = try? decoder.decode(Line.self, from: Data(json.utf8)) else {
        throw TaskError.badJSON(
          file: "standard input", line: number, reason: "it is not an object with a text under \"text\"")
      }
      let ids = tokenizer.encode(line.text, addSpecialTokens: !noSpecialTokens)
      try CommandOutput.result([
        "ids": .array(ids.map { .int(Int($0)) }), "decoded": .string(tokenizer.decode(ids)),
      ])
    }
  }
}
