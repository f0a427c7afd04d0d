import Foundation

/// The tokenizer_config.json beside files that do not say themselves which tokens are added to their vocabulary.
struct TokenizerConfiguration {
  /// The file's content; an empty object where there is none.
  let root: JSONField
  /// The file, if there is one.
  let files: [URL]

  /// Reads the configuration of the tokenizer whose own file is `url`.
  init(beside url: URL) throws {
    let folder = url.deletingLastPathComponent()
    if let list = try SpecialTokenIds.file("added_tokens.json", in: folder), list.value != .object([]) {
      throw TokenizerError.unsupported(
        file: list.file, part: "added tokens", found: "without their flags",
        supported: "added_tokens_decoder in tokenizer_config.json, or a tokenizer.json")
    }
    let name = "tokenizer_config.json"
    let file = try SpecialTokenIds.file(name, in: folder)
    root = file ?? JSONField(file: folder.appending(path: name).path, path: "", value: .object([]))
    files = file == nil ? [] : [folder.appending(path: name)]
  }

  /// The tokens that `added_tokens_decoder` lists, by id; nil without such a list.
  func addedTokens() throws(TokenizerError) -> [AddedToken]? {
    let list = root["added_tokens_decoder"]
    guard case .object(let members) = list.value else { return nil }
    let tokens = try members.map { member throws(TokenizerError) in try AddedToken(list[member.name], id: member.name) }
    return tokens.sorted { $0.id < $1.id }
  }

  /// The text of the token with a role such as `bos`, nil where none is named.
  func tokenName(_ role: String) throws(TokenizerError) -> String? {
    try SpecialTokenIds.name(root["\(role)_token"])
  }
}
