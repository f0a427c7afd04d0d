import Adapters
import Backbones
import Tasks

/// What routes the examples of a recipe's tasks, what classifies them, and where their losses are counted.
///
/// Three numbers tell tasks apart. A *task* is a place in the recipe: what an example was read for. A *route* is the
/// adapter's number of a task: whose skills or experts compute the example. An *account* is a place in the recipe
/// again: the task whose loss the example is part of. Lines of pre-tokenized data may name another task than that of
/// their file, and an adapter may know the recipe's tasks in another order, or others beside them. Adapters that are
/// not routed by task treat all alike; there a task's route is its place in the recipe.
public struct TaskRoutes: Sendable, Equatable {
  /// The route of each of the recipe's tasks; nil for one whose lines each name theirs.
  private let routes: [Int?]
  /// What the `task` of a pre-tokenized line may be, in the order of the routes.
  let lineNames: [String]
  /// What classifies each of ``lineNames``, and each of the recipe's tasks.
  private let lineHeads, heads: [HeadChoice]

  /// Every task as itself.
  ///
  /// - Parameter head: What classifies all of them.
  public init(taskCount: Int, head: HeadChoice = .classifier) {
    (routes, lineNames, lineHeads) = (Array(0..<taskCount), [], [])
    heads = Array(repeating: head, count: taskCount)
  }

  /// - Throws: `AdapterError` for a task that the adapter does not know.
  public init(_ tasks: [TaskSpecification], adapter: AdapterConfiguration?) throws {
    let names = tasks.map(\.name)
    func choose(_ names: [String]) -> [HeadChoice] { names.map { adapter?.headChoice(of: $0) ?? .classifier } }
    heads = choose(names)
    guard let adapter, adapter.routing == .task else {
      (routes, lineNames, lineHeads) = (Array(names.indices), names, heads)
      return
    }
    let isNamed = !adapter.taskNames.isEmpty || adapter.taskCount == tasks.count
    let known = adapter.taskNames.isEmpty && isNamed ? names : adapter.knownTasks
    routes = try tasks.map { task in
      if let route = known.firstIndex(of: task.name) { return route }
      // Its lines may name their own.
      if task.prompt.format == .pretokenized { return nil }
      guard isNamed else {
        throw AdapterTaskError.taskCountDiffers(adapter: adapter.taskCount, recipe: tasks.count)
      }
      throw AdapterTaskError.unknownTask(task.name, known: known)
    }
    (lineNames, lineHeads) = (known, choose(known))
  }

  /// How many accounts there are: as many as the recipe has tasks.
  public var accountCount: Int { routes.count }

  /// The head that classifies an example.
  ///
  /// - Parameter task: The recipe's task that the example was read for.
  public func head(of example: TokenizedExample, task: Int) -> HeadChoice {
    if let own = example.route, lineHeads.indices.contains(own) { return lineHeads[own] }
    return heads.indices.contains(task) ? heads[task] : .classifier
  }

  /// The adapter's task that an example is routed by: the one its line names, or that of its file.
  ///
  /// - Parameter task: The recipe's task that the example was read for.
  public func route(of example: TokenizedExample, task: Int) -> Int { example.route ?? routes[task] ?? 0 }

  /// The recipe's task that an example's losses count among: the one its line names, if the recipe has it.
  ///
  /// - Parameter task: The recipe's task that the example was read for.
  public func account(of example: TokenizedExample, task: Int) -> Int {
    example.route.flatMap { own in routes.firstIndex(of: own) } ?? task
  }

  /// Throws if an example of a task that the adapter does not know names none that it does.
  ///
  /// - Parameter task: The recipe's task.
  func requireRoutes(of examples: TokenizedTask, task: Int) throws {
    guard routes[task] == nil else { return }
    for index in 0..<examples.count where examples[index].route == nil {
      throw AdapterTaskError.unknownTask(examples.name, known: lineNames)
    }
  }
}
