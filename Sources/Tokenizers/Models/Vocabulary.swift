/// A text compared by its bytes. Swift's own `==` takes canonically equivalent texts for equal; vocabularies do not.
struct ExactText: Hashable, Sendable {
  let text: String

  static func == (left: ExactText, right: ExactText) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// Tokens and their ids, both ways.
struct Vocabulary: Sendable {
  /// Ids a file may use. The upper bound keeps a damaged file from asking for an absurd table.
  static let idRange = 0..<(1 << 24)

  /// Ids by token.
  private var ids: [ExactText: Int32] = [:]
  /// Tokens by id; nil where the ids have a hole.
  private var tokens: [String?] = []

  /// The number of tokens.
  var count: Int { ids.count }

  /// Reads `model.vocab`, an object of token to id.
  init(_ field: JSONField) throws(TokenizerError) {
    guard case .object(let members) = field.value else {
      throw field.problem("must be an object of token to id, but is \(field.value.kind)")
    }
    ids.reserveCapacity(members.count)
    for member in members {
      guard case .int(let id) = member.value, Self.idRange.contains(id) else {
        throw field.problem("gives \"\(member.name)\" \(member.value.kind) in place of an id in \(Self.idRange)")
      }
      ids[ExactText(text: member.name)] = Int32(id)
    }
    tokens = Array(repeating: nil, count: ids.values.max().map { Int($0) + 1 } ?? 0)
    for (token, id) in ids {
      if let other = tokens[Int(id)] {
        throw field.problem("gives id \(id) to two tokens, \"\(other)\" and \"\(token.text)\"")
      }
      tokens[Int(id)] = token.text
    }
  }

  /// A vocabulary of `tokens` under their positions; `field` is where they stand.
  init(_ tokens: [String], _ field: JSONField) throws(TokenizerError) {
    try self.init(tokens) { token in field.problem("lists \"\(token)\" twice") }
  }

  /// A vocabulary of `tokens` under their positions; `repetition` is the error of a token that occurs again.
  init(_ tokens: [String], repetition: (String) -> TokenizerError) throws(TokenizerError) {
    self.tokens = tokens
    ids.reserveCapacity(tokens.count)
    for (id, token) in tokens.enumerated() {
      guard ids.updateValue(Int32(id), forKey: ExactText(text: token)) == nil else { throw repetition(token) }
    }
  }

  /// All tokens and their ids, by id.
  var entries: [(token: String, id: Int32)] {
    tokens.indices.compactMap { id in tokens[id].map { ($0, Int32(id)) } }
  }

  /// The id of `token`, nil if there is no such token.
  func id(for token: String) -> Int32? { ids[ExactText(text: token)] }

  /// The token of `id`, nil if there is no such id.
  func token(for id: Int32) -> String? {
    tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil
  }

  /// Adds a token that the vocabulary lacks, under an id that it lacks.
  mutating func insert(_ token: String, id: Int32) {
    precondition(self.id(for: token) == nil && self.token(for: id) == nil, "token \(token) or id \(id) exists already")
    ids[ExactText(text: token)] = id
    tokens.append(contentsOf: repeatElement(nil, count: max(0, Int(id) + 1 - tokens.count)))
    tokens[Int(id)] = token
  }
}
