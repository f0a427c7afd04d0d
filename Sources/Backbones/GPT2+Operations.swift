extension GPT2 {
  /// Frozen maps: forward and input gradient, but no input gradient at the first map, below which nothing trains.
  /// Behind attention in the last block only label rows go on, and logits exist at labels alone; what is skipped is not
  /// counted. Attention: the causal half of scores and mixing, forward and twice that backward; the scores that
  /// backward computes again are not counted.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let tokens = Double(tokenCount), labels = Double(labelCount)
    var multiplyAdds = 0.0
    for (layer, block) in blocks.enumerated() {
      for (place, linear) in block.linears.enumerated() {
        let isBehindAttention = place > 0
        let rows = layer == blocks.count - 1 && isBehindAttention ? labels : tokens
        let passes = layer == 0 && place == 0 ? 1.0 : 2.0
        multiplyAdds += Double(linear.weight.count) * rows * passes
      }
      multiplyAdds += 3 * Double(configuration.width) * tokens * tokens
    }
    return 2 * (multiplyAdds + 2 * Double(head.weight.count) * labels)
  }
}
