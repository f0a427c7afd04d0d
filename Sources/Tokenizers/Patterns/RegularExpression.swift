/// A regular expression, matched by backtracking: of the matches at a place the first in the order of its alternatives.
struct RegularExpression: Sendable {
  /// A step of the program. Targets are places in it.
  private enum Step: Sendable {
    /// Takes a scalar of the set.
    case one(ScalarSet)
    /// Takes as many scalars of the set as there are up to `atMost`; gives them back one by one down to `atLeast`,
    /// unless it is possessive.
    case run(ScalarSet, atLeast: Int, atMost: Int, isPossessive: Bool)
    /// Goes on, and later, if that fails, at the target.
    case fork(orElse: Int)
    case jump(Int)
    /// Goes on at the target if what follows up to `succeed` matches, or if it does not.
    case lookahead(isNegated: Bool, then: Int)
    case succeed
  }

  /// Where to go on after a failure.
  private struct Branch {
    let step: Int
    /// Scalars from here to `position` may be given back; equal to it where there are none.
    let floor: Int
    let position: Int
  }

  /// Longer programs are refused, so that a hostile file cannot ask for an absurd one.
  private static let longestProgram = 1 << 16

  private var program: [Step] = []

  /// Reads a `Regex`.
  init(_ field: JSONField) throws(TokenizerError) {
    let text = try field.text()
    do throws(ExpressionParser.Unsupported) {
      try self.init(text)
    } catch {
      throw field.unsupported(
        "\"\(text)\" with \(error.what)",
        supported: "alternatives, groups, lookahead, classes, categories and repetitions that match something")
    }
  }

  init(_ text: String) throws(ExpressionParser.Unsupported) {
    let node = try ExpressionParser.node(of: text)
    guard !node.matchesNothing else { throw .init(what: "a match of nothing") }
    try compile(node)
    program.append(.succeed)
  }

  /// Calls `body` with the matches and what is between them, in order.
  func forEachSegment(of range: Range<Int>, in bytes: Span<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    var branches: [Branch] = []
    var done = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      if let end = match(0, at: index, limit: range.upperBound, in: bytes, &branches) {
        if done < index { body(done..<index, false) }
        body(index..<end, true)
        done = end
        index = end
      } else {
        index += bytes.scalar(at: index).byteCount
      }
    }
    if done < range.upperBound { body(done..<range.upperBound, false) }
  }

  // MARK: - Compiling

  private mutating func compile(_ node: ExpressionNode) throws(ExpressionParser.Unsupported) {
    guard program.count < Self.longestProgram else { throw .init(what: "more than \(Self.longestProgram) steps") }
    switch node {
    case .set(let set): program.append(.one(set))
    case .sequence(let parts): for part in parts { try compile(part) }
    case .alternatives(let parts): try compile(alternatives: parts)
    case .lookahead(let part, let isNegated):
      let start = reserve()
      try compile(part)
      program.append(.succeed)
      program[start] = .lookahead(isNegated: isNegated, then: program.count)
    case .repetition(.set(let set), let least, let most, let mode) where mode != .lazy:
      program.append(.run(set, atLeast: least, atMost: most, isPossessive: mode == .possessive))
    case .repetition(let part, let least, let most, let mode):
      guard mode == .greedy else { throw .init(what: "a lazy or possessive repetition of more than a class") }
      try compile(repeating: part, atLeast: least, atMost: most)
    }
  }

  private mutating func compile(alternatives parts: [ExpressionNode]) throws(ExpressionParser.Unsupported) {
    var jumps: [Int] = []
    for part in parts.dropLast() {
      let fork = reserve()
      try compile(part)
      jumps.append(reserve())
      program[fork] = .fork(orElse: program.count)
    }
    try compile(parts[parts.count - 1])
    for jump in jumps { program[jump] = .jump(program.count) }
  }

  private mutating func compile(
    repeating part: ExpressionNode, atLeast least: Int, atMost most: Int
  ) throws(ExpressionParser.Unsupported) {
    for _ in 0..<least { try compile(part) }
    if most == Int.max {
      let fork = reserve()
      try compile(part)
      program.append(.jump(fork))
      program[fork] = .fork(orElse: program.count)
      return
    }
    var forks: [Int] = []
    for _ in least..<most {
      forks.append(reserve())
      try compile(part)
    }
    for fork in forks { program[fork] = .fork(orElse: program.count) }
  }

  /// A place in the program that is filled in later.
  private mutating func reserve() -> Int {
    program.append(.succeed)
    return program.count - 1
  }

  // MARK: - Matching

  /// The end of the match of the program from `step` on that begins at `start`, nil if there is none.
  private func match(
    _ step: Int, at start: Int, limit: Int, in bytes: Span<UInt8>, _ branches: inout [Branch]
  ) -> Int? {
    let base = branches.count
    defer { branches.removeLast(branches.count - base) }
    var step = step
    var position = start
    while true {
      var fails = false
      switch program[step] {
      case .succeed: return position
      case .jump(let target): step = target
      case .fork(let target):
        branches.append(Branch(step: target, floor: position, position: position))
        step += 1
      case .one(let set):
        if let end = Self.taken(by: set, at: position, limit: limit, in: bytes) {
          position = end
          step += 1
        } else {
          fails = true
        }
      case .run(let set, let least, let most, let isPossessive):
        var count = 0
        var floor = position
        while count < most, let end = Self.taken(by: set, at: position, limit: limit, in: bytes) {
          position = end
          count += 1
          if count == least { floor = end }
        }
        fails = count < least
        step += 1
        if !fails, !isPossessive, floor < position {
          branches.append(shortened(Branch(step: step, floor: floor, position: position), in: bytes))
        }
      case .lookahead(let isNegated, let target):
        let holds = match(step + 1, at: position, limit: limit, in: bytes, &branches) != nil
        fails = holds == isNegated
        step = target
      }
      guard fails else { continue }
      guard branches.count > base, let branch = branches.popLast() else { return nil }
      step = branch.step
      position = branch.position
      if branch.floor < branch.position { branches.append(shortened(branch, in: bytes)) }
    }
  }

  /// The branch with one scalar less.
  private func shortened(_ branch: Branch, in bytes: Span<UInt8>) -> Branch {
    let byteCount = bytes.scalar(before: branch.position).byteCount
    return Branch(step: branch.step, floor: branch.floor, position: branch.position - byteCount)
  }

  @inline(__always)
  private static func taken(by set: ScalarSet, at position: Int, limit: Int, in bytes: Span<UInt8>) -> Int? {
    guard position < limit else { return nil }
    let (scalar, byteCount) = bytes.scalar(at: position)
    return set.contains(scalar) ? position + byteCount : nil
  }
}
