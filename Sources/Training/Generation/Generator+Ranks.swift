import MessagePassing

extension Generator {
  /// Continues prompts on all ranks, a batch each in turn. Collective; the result is rank 0's, nil on the others.
  ///
  /// - Parameter batchSize: Prompts that one rank decodes together.
  /// - Returns: The new tokens of each prompt.
  public func generate(
    _ prompts: [GenerationPrompt], _ options: GenerationOptions, batchSize: Int, ranks: Ranks
  ) throws -> [[Int32]]? {
    var answers: [Int32] = []
    for start in stride(from: ranks.rank * batchSize, to: prompts.count, by: ranks.count * batchSize) {
      let places = start..<min(start + batchSize, prompts.count)
      for (place, ids) in zip(places, generate(Array(prompts[places]), options)) {
        // As it travels: the prompt's place, how many tokens, the tokens.
        answers += [Int32(place), Int32(ids.count)] + ids
      }
    }
    guard let gathered = try ranks.world.gather(answers) else { return nil }
    var results = Array(repeating: [Int32](), count: prompts.count)
    for var answers in gathered.map({ $0[...] }) {
      while let place = answers.popFirst(), let count = answers.popFirst() {
        results[Int(place)] = Array(answers.prefix(Int(count)))
        answers = answers.dropFirst(Int(count))
      }
    }
    return results
  }
}
