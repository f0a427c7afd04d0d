/// Reads tokens in ``ByteLevelAlphabet`` back into bytes. What is not UTF-8 becomes U+FFFD.
struct ByteLevelDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var bytes: [UInt8] = []
    for token in tokens { ByteLevelAlphabet.append(token.span, to: &bytes) }
    return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
  }
}

/// Reads the tokens `<0x00>` to `<0xFF>` back into bytes; a run of them that is not UTF-8 becomes as many U+FFFD.
struct ByteFallbackDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var run: [UInt8] = []

    func endRun() {
      if run.isEmpty { return }
      if String(validating: run, as: UTF8.self) != nil {
        result.append(run)
      } else {
        result.append(contentsOf: repeatElement(Array("\u{FFFD}".utf8), count: run.count))
      }
      run = []
    }
    for token in tokens {
      if let byte = ByteTokens.byte(of: token) {
        run.append(byte)
      } else {
        endRun()
        result.append(token)
      }
    }
    endRun()
    return result
  }
}
