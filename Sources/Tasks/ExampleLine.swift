/// A line of a pre-tokenized task, or of what `score` and `generate` read: `input_ids` (and `token_type_ids`) with
/// `labels` or `label`, or `source` (and `source_pair`) with `target` or `label`. What generates needs `input_ids` or
/// `source` alone.
public struct ExampleLine: Sendable, Decodable {
  /// The keys of a line as they stand.
  private struct Keys: Decodable {
    let id: FieldValue?
    let input_ids: [Int]?
    let labels: [Int]?
    let token_type_ids: [Int]?
    let label: Label?
    let source: String?
    let source_pair: String?
    let target: String?
    let task: TaskSelector?
  }

  /// A class's number or name, or a number to predict.
  private enum Label: Decodable {
    case number(Double)
    case name(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let name = try? container.decode(String.self) {
        self = .name(name)
      } else {
        self = .number(try container.decode(Double.self))
      }
    }
  }

  public let id: String?
  public let inputIds: [Int]?
  public let tokenTypeIds: [Int]?
  public private(set) var labels: [Int]?
  public private(set) var label: Double?
  /// The name of the class, where `label` is one.
  public private(set) var labelName: String?
  public let source: String?
  public let sourcePair: String?
  public private(set) var target: String?
  public let task: TaskSelector?

  public init(from decoder: any Decoder) throws {
    let keys = try Keys(from: decoder)
    if case .text(let id)? = keys.id { self.id = id } else { id = nil }
    (inputIds, tokenTypeIds) = (keys.input_ids, keys.token_type_ids)
    labels = keys.labels
    switch keys.label {
    case .number(let number): label = number
    case .name(let name): labelName = name
    case nil: break
    }
    (source, sourcePair) = (keys.source, keys.source_pair)
    target = keys.target
    task = keys.task
  }

  /// The line without what it says of the answer.
  var promptOnly: ExampleLine {
    var line = self
    (line.labels, line.label, line.labelName, line.target) = (nil, nil, nil, nil)
    return line
  }
}
