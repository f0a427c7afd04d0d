import Adapters
import Yams

extension Recipe {
  /// The `adapter` section: what is trained, and from where it starts.
  public struct Adapter: Sendable, Equatable {
    /// What is trained. Keys: `peft_type`, required unless `init_from` is given; for all but FULL `target_modules` and
    /// `modules_to_save`; and those of `AdapterKey` that the method reads, with the defaults of `AdapterConfiguration`.
    /// `n_tasks` defaults to the recipe's tasks, which then name the adapter's.
    public var configuration = AdapterConfiguration(peftType: .lora)
    /// `init_from`: an adapter folder to start from. The other keys may then be left out, and must agree if stated:
    /// ``configuration`` counts only after ``reconciled(with:)``. A relative folder is taken from the recipe's own
    /// folder and is absolute here. null (default): fresh parameters.
    public var initFrom: String?
    /// `new_tasks`: names of tasks that the adapter of `init_from` gets to know, beside its own. Default: none.
    public var newTasks: [String] = []
    /// `train`: what of the adapter of `init_from` is trained. Default: all.
    public var trainedPart = TrainedPart.all
    /// `init_seed`: the seed of fresh parameters. null (default): the recipe's `seed`. See ``Recipe/initSeed``.
    public var initSeed: Int?
    /// The keys that the recipe states, if `init_from` is given; empty otherwise.
    public internal(set) var statedKeys: Set<String> = []

    public init() {}

    /// The adapter to train when it starts from a saved one: the saved configuration, if no stated key disagrees.
    ///
    /// - Parameter saved: The configuration in the folder ``initFrom``.
    /// - Throws: ``RecipeError/disagreement(key:stated:found:folder:)`` for the first key that is stated otherwise.
    public func reconciled(with saved: AdapterConfiguration) throws(RecipeError) -> Adapter {
      var result = Adapter()
      result.configuration = saved
      let ownKeys = ["init_from", "init_seed", "new_tasks", "train"]
      let comparable = Self.fields.filter { !ownKeys.contains($0.key) }
      for field in comparable where statedKeys.contains(field.key) {
        let stated = field.write(self)
        let found = field.write(result)
        guard stated?.unordered == found?.unordered else {
          throw .disagreement(
            key: "adapter.\(field.key)", stated: stated.map(RecipeYAML.line) ?? "null",
            found: found.map(RecipeYAML.line) ?? "null", folder: initFrom ?? "")
        }
      }
      // Only what goes with the saved type is written from now on.
      let written = Set(comparable.filter { $0.write(result) != nil }.map(\.key))
      (result.initFrom, result.newTasks, result.trainedPart) = (initFrom, newTasks, trainedPart)
      result.statedKeys = written.union(statedKeys)
      return result
    }
  }
}

extension Node {
  /// The node, a list sorted: PEFT's lists of modules have no order.
  fileprivate var unordered: Node { sequence.map { Node($0.sorted()) } ?? self }
}
