import Foundation

extension Compose {
  /// The arguments with a space before those expressions that begin with a minus, which else count as options.
  static func shielded(_ arguments: [String]) -> [String] {
    guard arguments.first == "compose" else { return arguments }
    let help = Polyad.helpMessage(for: Compose.self)
    let options = Set(help.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) })
    let takingValues = Set(help.matches(of: /(--[a-z][a-z0-9-]*) </).map { String($0.output.1) })
    return arguments.indices.map { place in
      let argument = arguments[place], isValue = place > 0 && takingValues.contains(arguments[place - 1])
      return !isValue && isExpression(argument, besides: options, arguments) ? " " + argument : argument
    }
  }

  /// Whether a minus begins an expression: one minus always, two where no option can be meant, or where no option has
  /// the name and an adapter has.
  private static func isExpression(_ argument: String, besides options: Set<String>, _ arguments: [String]) -> Bool {
    guard argument.hasPrefix("-"), argument != "-h", argument != "--" else { return false }
    guard argument.hasPrefix("--") else { return true }
    guard let option = argument.prefixMatch(of: /(--([a-z][a-z0-9_]*)[a-z0-9-]*)(=|$)/) else { return true }
    guard !options.contains(String(option.output.1)) else { return false }
    let name = String(option.output.2) + "="
    return arguments.contains { $0.hasPrefix(name) || $0.hasPrefix("--adapter=" + name) }
  }
}
