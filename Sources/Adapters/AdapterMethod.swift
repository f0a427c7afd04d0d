import Backbones
import Tensors

/// What decides how much a method's experts or skills count.
public enum Routing: Sendable {
  case none
  /// The sequence's task: the adapter is one plain LoRA a task.
  case task
  /// Each token: nothing can be folded into the model's weights.
  case token
}

/// The memory of one parameter, and of its gradient, as matrices of its first axis by the rest.
public typealias ParameterPair = (values: Matrix, gradient: Matrix)

/// An adapter method: the parameters it adds at a linear map, and the rule by which they act.
///
/// A method is one file, named in ``PEFTType``. Backbones, training and commands know only this protocol.
public protocol AdapterMethod {
  /// The keys it reads beside target_modules and modules_to_save.
  static var keys: [AdapterKey] { get }
  static var routing: Routing { get }
  /// Whether its task routers draw noise while training, see ``RouterNoise``.
  static func drawsRouterNoise(_ configuration: AdapterConfiguration) -> Bool
  /// What PEFT's own types need in adapter_config.json beside the keys, the same in every adapter.
  static var constants: [String: any Sendable] { get }

  /// Multiply-adds of the update that one token meets at a map, routers left out.
  static func multiplyAdds(_ configuration: AdapterConfiguration, inputs: Int, outputs: Int) -> Int

  /// The names of its tensors behind a module's path; an adapter need not have all of them.
  static var suffixes: [String] { get }

  /// The rank of the update that one token meets, where no pattern gives a map its own r; nil for updates that are no
  /// low-rank product.
  static func activeRank(_ configuration: AdapterConfiguration) -> Int?

  /// - Parameter sites: The paths of all adapted maps.
  init(_ configuration: AdapterConfiguration, sites: [String]) throws

  /// The parameters at one map. Neighbours lie side by side in memory.
  ///
  /// - Throws: ``AdapterError`` when the configuration does not fit the map.
  func parameters(at site: Linear) throws -> [SiteParameter]

  /// How many numbers the method saves at a map, as its paper counts them.
  ///
  /// - Throws: ``AdapterError`` or ``SavedAdapterError`` for tensors that are missing or have other shapes.
  func parameterFormula(at site: SavedSite) throws -> ParameterFormula

  /// What a training pass takes at one map beside the map itself.
  ///
  /// - Parameter tasks: The tasks that a part's examples are of.
  func passMemory(at site: Linear, tasks: Int) -> AdapterMemory

  /// The adapter for one map, working on the memory of its parameters (in the order of ``parameters(at:)``).
  func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) throws -> any LinearAdapter
}

extension AdapterMethod {
  public static var routing: Routing { .none }
  public static func drawsRouterNoise(_ configuration: AdapterConfiguration) -> Bool { false }
  public static var constants: [String: any Sendable] { [:] }

  public static func activeRank(_ configuration: AdapterConfiguration) -> Int? { configuration.adapterRank }

  /// Those of one product of the active rank.
  public static func multiplyAdds(_ configuration: AdapterConfiguration, inputs: Int, outputs: Int) -> Int {
    (activeRank(configuration) ?? 0) * (inputs + outputs)
  }
}
