/// The threads of this process that share the work of one operation.
///
/// Work is cut into tasks by its shape, and no task's result depends on who does it or when: any number of threads gives
/// the same bits. Work that a task hands out itself, or another thread than the one that set the number, is done where it
/// is asked for.
public enum Threads {
  private static let team = ThreadTeam()

  /// Threads that work together, the caller's included; 1 until set.
  public static var count: Int { team.count }

  /// Sets the number of threads, for work that the calling thread hands out.
  ///
  /// - Precondition: No work is under way.
  public static func setCount(_ count: Int) { team.setCount(count) }

  /// Numbers that a task treats at least: some microseconds of work, where handing it out takes one or two. Loops cut
  /// here keep the numbers that they treat in vectors, and those that they treat one by one behind the last vector.
  private static let grain = 1 << 14

  /// Does every task of 0 ..< `taskCount` once, in any order and side by side, and returns when all are done.
  ///
  /// - Parameters:
  ///   - work: Numbers that all tasks treat together; the caller does little work alone.
  ///   - body: Gets the task, and a place in 0 ..< ``count`` that no other task of this call has at the same time.
  @inline(__always)
  public static func run(_ taskCount: Int, work: Int = .max, _ body: (_ task: Int, _ place: Int) -> Void) {
    if taskCount > 1, work > grain, team.isAvailable {
      team.run(taskCount, body)
    } else {
      for task in 0..<taskCount { body(task, 0) }
    }
  }

  /// The results of ``run(_:work:_:)``'s tasks, in their order.
  public static func map<Result>(_ taskCount: Int, work: Int = .max, _ body: (_ task: Int) -> Result) -> [Result] {
    Array(unsafeUninitializedCapacity: taskCount) { results, count in
      run(taskCount, work: work) { task, _ in (results.baseAddress! + task).initialize(to: body(task)) }
      count = taskCount
    }
  }

  /// Cuts 0 ..< `count` into blocks of `size`, the last one shorter, and treats each once; all at once where nobody
  /// shares the work, so the results of a block must not depend on where it is cut.
  @inline(__always)
  public static func blocks(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    guard count > size, team.isAvailable else {
      if count > 0 { body(0..<count) }
      return
    }
    team.run((count + size - 1) / size) { block, _ in body(block * size..<min((block + 1) * size, count)) }
  }

  // MARK: How operations are cut

  /// Numbers of flat arrays that do not depend on each other.
  @inline(__always)
  static func elements(_ count: Int, _ body: (_ start: Int, _ count: Int) -> Void) {
    blocks(of: count, size: grain) { body($0.lowerBound, $0.count) }
  }

  /// Rows of `width` numbers that do not depend on each other.
  @inline(__always)
  static func rows(_ count: Int, width: Int, _ body: (Range<Int>) -> Void) {
    blocks(of: count, size: max(1, grain / max(1, width)), body)
  }

  /// Columns of `height` numbers that do not depend on each other, such as sums over rows: each adds up in row order,
  /// whoever does it. Neighbours share cache lines and vectors, so they go by 64.
  @inline(__always)
  static func columns(_ count: Int, height: Int, _ body: (Range<Int>) -> Void) {
    blocks(of: count, size: max(64, grain / max(1, height) & ~63), body)
  }
}
