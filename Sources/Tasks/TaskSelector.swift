/// A task, as a line of data names it.
public enum TaskSelector: Sendable, Equatable, Decodable {
  /// By its number in the adapter, from 0; in the recipe where the adapter is not routed by task.
  case index(Int)
  case name(String)

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let index = try? container.decode(Int.self) {
      self = .index(index)
    } else {
      self = .name(try container.decode(String.self))
    }
  }

  /// The task's number among tasks of these names; nil if there is none such.
  ///
  /// Without names nothing is routed by one: any number stands for itself, any name for task 0.
  public func place(among names: [String]) -> Int? {
    switch self {
    case .index(let index): (0..<(names.isEmpty ? Int(Int32.max) : names.count)).contains(index) ? index : nil
    case .name(let name): names.isEmpty ? 0 : names.firstIndex(of: name)
    }
  }

  /// As a line or a user states it.
  public var text: String {
    switch self {
    case .index(let index): String(index)
    case .name(let name): name
    }
  }
}
