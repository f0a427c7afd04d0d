/// Brings text into a Unicode normal form.
struct UnicodeNormalizer: Normalizer {
  let form: NormalForm

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    form.append(text, to: &output)
  }
}
