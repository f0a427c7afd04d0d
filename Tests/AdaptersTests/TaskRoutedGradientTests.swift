import Adapters
import ModelTestSupport
import Tensors
import Testing

/// Methods routed by task against central differences of their rules, with two tasks in one batch, two that are absent,
/// and the routers' noise fixed.
struct TaskRoutedGradientTests {
  /// Which maps are adapted at once: the fused attention map, or all four.
  static let targets = [["c_attn"], everyMap]

  private func expectAgreement(
    _ configuration: AdapterConfiguration, _ rule: @escaping ReferenceGPT2.Rule, _ key: RandomKey
  ) throws {
    let pair = try AdaptedPair(configuration, rule: rule)
    let isWide = configuration.targetModules == .endings(everyMap)
    let disagreements = slopeDisagreements(
      pair.model, pair.reference, severalTasks, randomKey: key, sampleCount: isWide ? 2 : 7)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: targets, [0, 0.4]) func taskLoRA(endings: [String], dropout: Float) throws {
    let key = RandomKey(seed: 8)
    let mask = dropout > 0 ? dropoutMask(rate: dropout, key, severalTasks) : everything
    try expectAgreement(
      adapter(.taskLoRA, endings) { $0.loraDropout = Double(dropout) },
      taskLoRARule(taskCount: 4, scale: 2.5, mask: mask), key)
  }

  @Test(arguments: targets, [RouterNoise(), .off, RouterNoise(temperature: 0.5)])
  func poly(endings: [String], noise: RouterNoise) throws {
    let key = RandomKey(seed: 9)
    try expectAgreement(
      adapter(.poly, endings) { $0.routerNoise = noise },
      polyRule(
        taskCount: 4, skillCount: 3, rank: 2, noise: noise.isOn ? key : nil, temperature: noise.temperature), key)
  }

  @Test(arguments: targets, [2, 4]) func mhr(endings: [String], splits: Int) throws {
    let key = RandomKey(seed: 10)
    try expectAgreement(
      adapter(.poly, endings) { $0.splitCount = splits },
      mhrRule(taskCount: 4, splits: splits, skillCount: 3, rank: 2, noise: key), key)
  }

  /// What C-Poly leaves open or has as a special case.
  enum Choice: CaseIterable {
    case normalized, raw, twoOwnSkills, noCommonSkill, noOwnSkill, sharedOwnSkills, withDropout, withoutNoise

    func set(_ configuration: inout AdapterConfiguration) {
      switch self {
      case .normalized: break
      case .raw: configuration.normalizesRouter = false
      case .twoOwnSkills: configuration.taskSkillCount = 2
      case .noCommonSkill: configuration.commonSkillCount = 0
      case .noOwnSkill: configuration.taskSkillCount = 0
      case .sharedOwnSkills: (configuration.taskSkillCount, configuration.exclusiveSkills) = (2, false)
      case .withDropout: configuration.loraDropout = 0.4
      case .withoutNoise: configuration.routerNoise = .off
      }
    }
  }

  @Test(arguments: targets, Choice.allCases) func cPoly(endings: [String], choice: Choice) throws {
    let key = RandomKey(seed: 11), configuration = adapter(.cPoly, endings, choice.set)
    let mask = choice == .withDropout ? dropoutMask(rate: 0.4, key, severalTasks) : everything
    try expectAgreement(
      configuration, cPolyRule(configuration, noise: choice == .withoutNoise ? nil : key, mask: mask), key)
  }

  @Test func onlyTheTasksOfABatchHaveGradients() throws {
    for type in [PEFTType.taskLoRA, .poly, .cPoly] {
      let model = try AdapterModel(small: adapter(type))
      model.scatterValues()
      model.differentiate(severalTasks)
      for entry in model.parameters.entries {
        guard let rows = entry.taskRows else { continue }
        let gradient = Array(model.parameters.gradient(entry.name)), size = gradient.count / entry.shape[0]
        for task in 0..<4 {
          let first = (rows.first + task * rows.perTask) * size
          let isUsed = gradient[first..<first + rows.perTask * size].contains { $0 != 0 }
          #expect(isUsed == [0, 2].contains(task), "\(entry.name), task \(task)")
        }
      }
    }
  }
}
