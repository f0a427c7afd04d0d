import JSON

@testable import Tokenizers

/// A part of a tokenizer.json, read as if it stood there alone.
func part(_ json: String, at path: String) throws -> JSONField {
  JSONField(file: "tokenizer.json", path: path, value: try JSONReader.value(of: Array(json.utf8)))
}

/// The text of UTF-8 bytes, scalar for scalar.
func scalars(_ bytes: some Collection<UInt8>) -> [UInt32] {
  String(decoding: bytes, as: UTF8.self).unicodeScalars.map(\.value)
}

/// The scalars of a text, which `==` on texts does not tell apart where they are canonically equivalent.
func scalars(_ text: String) -> [UInt32] { scalars(text.utf8) }
