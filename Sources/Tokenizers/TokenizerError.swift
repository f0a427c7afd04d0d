/// Why a tokenizer could not be loaded.
public enum TokenizerError: Error, CustomStringConvertible, Equatable {
  /// A file could not be read at all.
  case unreadable(file: String, reason: String)
  /// A file is not JSON: the first fault and its line, counted from 1.
  case notJSON(file: String, line: Int, problem: String)
  /// A file is not a SentencePiece model.
  case notSentencePiece(file: String)
  /// A field is missing or holds the wrong thing; `path` is written as in `model.merges[3]`.
  case badField(file: String, path: String, problem: String)
  /// The file asks for something this package does not do.
  case unsupported(file: String, part: String, found: String, supported: String)
  /// An added token's id is not the one that Hugging Face's tokenizers would give it.
  case addedTokenId(file: String, token: String, found: Int, expected: Int)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason). Give a folder with a tokenizer.json, a SentencePiece model, or the "
        + "vocabulary files of BERT, GPT-2 or RoBERTa."
    case .notJSON(let file, let line, let problem):
      "\(file):\(line): not valid JSON: \(problem). Save or download the file again."
    case .notSentencePiece(let file):
      "\(file): not a SentencePiece model. Give a folder with a tokenizer.json, or the model file SentencePiece wrote."
    case .badField(let file, let path, let problem):
      "\(file): \(path) \(problem). Save the tokenizer again with Hugging Face's tokenizers."
    case .unsupported(let file, let part, let found, let supported):
      "\(file) asks for \(part) \(found), which is not supported here; supported: \(supported)."
    case .addedTokenId(let file, let token, let found, let expected):
      "\(file): added token \"\(token)\" has id \(found), but its place in the vocabulary is \(expected). "
        + "Save the tokenizer again with Hugging Face's tokenizers."
    }
  }
}
