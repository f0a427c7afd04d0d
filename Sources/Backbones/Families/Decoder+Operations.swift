extension Decoder {
  /// Frozen maps: forward and input gradient, but no input gradient at the first maps, below which nothing trains.
  /// Behind attention in the last block only label rows go on, and logits exist at labels alone; what is skipped is not
  /// counted. Attention: the seen part of scores and mixing, forward and twice that backward; the scores that
  /// backward computes again are not counted.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let tokens = Double(tokenCount), labels = Double(labelCount)
    var multiplyAdds = 0.0
    for (layer, block) in blocks.enumerated() {
      let inputCount = block.attention.inputLinears.count
      for (place, linear) in block.linears.enumerated() {
        let isBehindAttention = place >= inputCount
        let rows = layer == blocks.count - 1 && isBehindAttention ? labels : tokens
        let passes = layer == 0 && !isBehindAttention ? 1.0 : 2.0
        multiplyAdds += Double(linear.weight.count) * rows * passes
      }
      multiplyAdds += 6 * block.attention.core.scoreOperations(tokenCount: tokenCount)
    }
    return 2 * (multiplyAdds + 2 * Double(projection.weight.count) * labels)
  }
}
