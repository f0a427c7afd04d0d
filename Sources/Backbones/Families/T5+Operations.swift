extension T5 {
  /// Frozen maps: forward and input gradient, but no input gradient at the maps that read the embedding, below which
  /// nothing trains. Attention: the seen part of scores and mixing, forward and twice that backward; the scores that
  /// backward computes again are not counted.
  ///
  /// - Parameter labelCount: Also the decoder's rows: every one of them has a label.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let sources = Double(tokenCount), targets = Double(labelCount)
    let maps = linears.reduce(0.0) { total, linear in
      let rows = Double(rowCount(of: linear, tokenCount: tokenCount, labelCount: labelCount))
      let readsEmbedding = ["q", "k", "v"].contains { linear.path.hasSuffix("block.0.layer.0.SelfAttention.\($0)") }
      return total + Double(linear.weight.count) * rows * (readsEmbedding ? 1 : 2)
    }
    let pairs =
      Double(configuration.encoderLayerCount) * sources * sources
      + Double(configuration.decoderLayerCount) * (targets * targets / 2 + targets * sources)
    let scores = Double(configuration.headCount * configuration.headWidth) * pairs
    return 2 * (maps + 6 * scores + 2 * Double(projection.weight.count) * targets)
  }

  /// The encoder's maps see the source, and so do those in the decoder that make keys and values of it.
  public func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int {
    let readsSource = linear.path.hasSuffix("EncDecAttention.k") || linear.path.hasSuffix("EncDecAttention.v")
    return linear.path.hasPrefix("encoder.") || readsSource ? tokenCount : labelCount
  }
}
