import Adapters

/// What a recipe asks of the model and the job it is run with.
extension Recipe {
  /// Checks max_seq_length against a model's positions.
  ///
  /// - Throws: ``RunError/sequenceTooLong(key:value:maximum:)``.
  public func requireFit(positions: Int) throws(RunError) {
    guard maxSeqLength <= positions else {
      throw .sequenceTooLong(key: "max_seq_length", value: maxSeqLength, maximum: positions)
    }
  }

  /// Checks that each rank has a part of every batch.
  ///
  /// - Throws: ``RunError/tooManyRanks(ranks:microBatches:)``.
  public func requireParts(forRanks rankCount: Int) throws(RunError) {
    guard rankCount <= microBatches else { throw .tooManyRanks(ranks: rankCount, microBatches: microBatches) }
  }

  /// Checks that every stated key has an effect on the model.
  ///
  /// - Throws: ``RunError/noParameters(key:kind:peftType:)``.
  func requireUse(by model: AdapterModel) throws(RunError) {
    for need in ModelNeed.allCases {
      for field in Self.fields where field.need == need && field.differsFromDefault(self) {
        try need.require(of: model, for: field.key)
      }
    }
  }
}
