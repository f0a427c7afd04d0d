import Adapters
import Backbones
import Tensors

/// Shapes that can be planned by name.
public enum PlannedShape {
  /// Those of ``PublishedShape``, and GLM-10B, whose shape is planned before its family can be trained.
  public static var names: [String] {
    let published = PublishedShape.allCases.map(\.rawValue)
    return published + (published.contains(glm10B) ? [] : [glm10B])
  }

  private static let glm10B = "glm-10b"

  /// - Throws: ``PlanError/unknownShape(_:known:)``.
  public static func configuration(_ name: String) throws(PlanError) -> any BackboneConfiguration {
    if let shape = PublishedShape(rawValue: name) { return shape.configuration }
    guard name == glm10B else { throw .unknownShape(name, known: names) }
    // Du et al. 2022: a decoder of GPT-2's kind as far as its arrays go, with a second table of positions.
    var shape = GPT2Configuration()
    (shape.vocabularySize, shape.positionCount, shape.width) = (50_304, 1024, 4096)
    (shape.layerCount, shape.headCount, shape.innerWidth) = (48, 64, 16_384)
    return shape
  }
}

extension ModelOutline {
  /// A published shape's.
  ///
  /// - Parameter tasks: That a part's examples are of.
  /// - Throws: ``PlanError/unknownShape(_:known:)``, or an error of the adapter.
  public init(preset: String, adapter: AdapterConfiguration, precision: Precision, tasks: Int) throws {
    let configuration = try PlannedShape.configuration(preset)
    let bare = BackboneOutline(configuration, precision: precision)
    try self.init(
      name: preset, configuration, adapter: adapter.withHead(for: bare.backbone), precision: precision, source: nil,
      tasks: tasks)
  }
}
