/// What became of one task's examples on the way from its file to tokens.
public struct PreparationReport: Sendable, Equatable, Codable {
  public var task: String
  public var split: DataSplit
  /// The examples kept.
  public var examples = 0
  /// Kept examples whose prompt lost its end.
  public var cutSources = 0
  /// Kept examples whose answer lost its end.
  public var cutTargets = 0
  /// Examples left out since no label was left.
  public var dropped = 0
  /// Examples left out since the task skips their label.
  public var skipped = 0
  /// What the task's `split` left of its examples, before any are dropped; nil: it has none.
  public var labelSplit: LabelSplitReport?
  /// The tokens of the kept examples, answers included.
  public var tokens = 0
  /// The labels that enter the loss.
  public var labelTokens = 0
  /// The longest kept example, in tokens.
  public var longestExample = 0
  /// Kept examples whose last trained token is the end-of-text token.
  public var endingInEndOfText = 0
  /// Whether the tokens came from the cache.
  public var isFromCache = false
  /// Something the user should know, such as a cache file that was damaged.
  public var note: String?

  public init(task: String, split: DataSplit) {
    self.task = task
    self.split = split
  }

  mutating func count(_ outcome: ExampleTokenizer.Outcome, kind: SequenceKind, endOfTextId: Int32?) {
    let example = outcome.example
    examples += 1
    cutSources += outcome.isSourceCut ? 1 : 0
    cutTargets += outcome.isTargetCut ? 1 : 0
    tokens += example.tokenCount(kind)
    labelTokens += example.labelCount(kind)
    longestExample = max(longestExample, example.tokenCount(kind))
    if let endOfTextId, example.labels.last(where: { $0 != TokenizedExample.noLabel }) == endOfTextId {
      endingInEndOfText += 1
    }
  }
}
