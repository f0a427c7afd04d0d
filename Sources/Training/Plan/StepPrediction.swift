import Backbones
import Foundation
import Tensors

/// The nodes that a run is planned for.
public struct PlannedCluster: Sendable, Equatable {
  public var nodes: Int
  public var ranksPerNode: Int
  /// Of a rank.
  public var threads: Int
  /// Of a node; fewer than its ranks have threads, and these take turns.
  public var coresPerNode: Double

  public init(nodes: Int, ranksPerNode: Int, threads: Int, coresPerNode: Double? = nil) {
    (self.nodes, self.ranksPerNode, self.threads) = (nodes, ranksPerNode, threads)
    self.coresPerNode = coresPerNode ?? Double(ranksPerNode * threads)
  }

  public var ranks: Int { nodes * ranksPerNode }

  /// How many times as long computing takes where threads take turns on cores.
  var crowding: Double { max(1, Double(ranksPerNode * threads) / coresPerNode) }
}

/// The time that a step will take, and where it goes.
public struct StepPrediction: Sendable {
  /// Seconds of a step by phase, of the mean rank; with waiting and summing they sum to ``seconds``.
  public let phases: [NamedValue]
  /// What the mean rank computes, and what the slowest computes longer.
  public let computing, imbalance: Double
  /// What the sum of gradients takes that nothing goes on beside: within nodes, and between them by delays and by bytes.
  public let nodeSum, networkDelay, networkBytes: Double
  public let tokens, examples: Double

  public var communication: Double { nodeSum + networkDelay + networkBytes }
  public var seconds: Double { computing + imbalance + communication }
  public var tokensPerSecond: Double { tokens / seconds }
  public var communicationShare: Double { communication / seconds }

  /// What takes most of a step, or most of what is lost where that is more than a tenth.
  public var bound: Bound {
    let losses: [(Bound, Double)] = [
      (.imbalance, imbalance), (.nodeMemory, nodeSum), (.networkDelay, networkDelay), (.networkSpeed, networkBytes),
    ]
    let worst = losses.max { $0.1 < $1.1 }!
    guard worst.1 < seconds / 10 else { return worst.0 }
    let products = phases.filter { $0.name == "linear" || $0.name == "head" }.reduce(0) { $0 + $1.value }
    return products * 2 >= computing ? .products : .otherComputing
  }

  public enum Bound: String, Sendable {
    case products
    case otherComputing = "other_computing"
    case imbalance
    case nodeMemory = "node_memory"
    case networkDelay = "network_delay"
    case networkSpeed = "network_speed"
    case parts

    public var text: String {
      switch self {
      case .products: "products of the frozen weights"
      case .otherComputing: "attention, norms and adapters"
      case .imbalance: "parts of unequal work"
      case .nodeMemory: "sums within a node"
      case .networkDelay: "the network's delay"
      case .networkSpeed: "the network's speed"
      case .parts: "a batch has no more parts"
      }
    }
  }

  /// What does not depend on how many ranks there are.
  public struct Basis: Sendable {
    public let batch: BatchShape
    public let rates: StepRates
    public let communication: Communication
    /// Numbers that a step's batch can touch, that train, and that a step updates.
    public let touchedCount, updatedCount: Int

    public init(
      batch: BatchShape, rates: StepRates, communication: Communication, touchedCount: Int, updatedCount: Int
    ) {
      (self.batch, self.rates, self.communication) = (batch, rates, communication)
      (self.touchedCount, self.updatedCount) = (touchedCount, updatedCount)
    }

    var gradientBytes: Double { 4 * Double(touchedCount) }

    /// Seconds that a rank takes for a part, by phase.
    func seconds(_ work: PassWork) -> [NamedValue] { rates.seconds(work) }

    func total(_ work: PassWork) -> Double { seconds(work).reduce(0) { $0 + $1.value } }

    /// The end of a step.
    var optimizer: Double {
      StepRates.optimizerWork(touched: touchedCount, updated: updatedCount) / rates.optimizer
    }
  }

  /// The share of the backward pass of a rank's last part that the sum of gradients goes on beside, where it has to cross
  /// a network.
  static let overlap = 0.5

  /// Of a batch's own parts on some ranks.
  ///
  /// - Throws: ``PlanError/tooManyRanks(ranks:parts:sequences:)``.
  public init(_ basis: Basis, on cluster: PlannedCluster) throws(PlanError) {
    let batch = basis.batch, ranks = cluster.ranks
    guard ranks <= batch.partCount else {
      throw .tooManyRanks(ranks: ranks, parts: batch.partCount, sequences: batch.sequences)
    }
    let tree = ReductionTree(partCount: batch.partCount, rankCount: ranks)
    var mean = PassWork(), longest = 0.0, last = 0.0
    for step in batch.steps {
      let loads = (0..<ranks).map { rank in tree.span(of: rank).reduce(0) { $0 + basis.total(step[$1].work) } }
      longest += loads.max() ?? 0
      last += step.reduce(0) { $0 + basis.total($1.work) } / Double(step.count)
      for part in step { mean += part.work }
    }
    let count = Double(batch.steps.count)
    self.init(
      basis, cluster, mean: mean.times(1 / count / Double(ranks)), longest: longest / count, lastPart: last / count,
      tokens: batch.mean { Double($0.tokens) }, examples: batch.mean { Double($0.examples) })
  }

  /// - Parameters:
  ///   - mean, longest: What the mean rank computes, and seconds of the slowest.
  ///   - lastPart: Seconds of one part.
  init(
    _ basis: Basis, _ cluster: PlannedCluster, mean: PassWork, longest: Double, lastPart: Double, tokens: Double,
    examples: Double
  ) {
    let crowding = cluster.crowding
    let own = basis.seconds(mean).map { NamedValue($0.name, $0.value * crowding) }
    let optimizer = basis.optimizer * crowding
    computing = own.reduce(0) { $0 + $1.value } + optimizer
    imbalance = max(0, longest * crowding - own.reduce(0) { $0 + $1.value })
    (self.tokens, self.examples) = (tokens, examples)
    let sums = basis.communication, small = sums.smallSum(nodes: cluster.nodes, ranks: cluster.ranksPerNode)
    nodeSum = sums.nodeSeconds(basis.gradientBytes, ranks: cluster.ranksPerNode) * crowding
    let network = sums.networkSeconds(basis.gradientBytes, nodes: cluster.nodes)
    // What crosses a network leaves in buckets while the rest of the last part is computed; the last bucket has nothing
    // beside it.
    let window = Self.overlap * lastPart * crowding * 2 / 3
    let beside = max(0, min(window, network.bytes + network.delay) * 0.9)
    let all = max(network.bytes + network.delay, 1e-12)
    (networkDelay, networkBytes) = (
      network.delay * (1 - beside / all) + small, network.bytes * (1 - beside / all)
    )
    phases =
      own + [
        NamedValue("optimizer", optimizer), NamedValue("wait", imbalance),
        NamedValue("reduction", nodeSum + networkDelay + networkBytes),
      ]
  }
}
