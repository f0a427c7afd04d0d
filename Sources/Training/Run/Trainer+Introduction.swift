import Adapters

/// What is said of a run before its first step.
extension Trainer {
  /// What the user should know of the data and the model's files.
  public var notes: [String] {
    let untested =
      evaluator == nil && !tasks.testing.isEmpty
      ? ["there is no tokenizer, so the test sets are not scored; set tokenizer_name_or_path"] : []
    return tasks.notes + assembly.notes + untested + (evaluator?.notes ?? [])
  }

  /// What computing shared beginnings once saves.
  public func sharingReport() throws -> SharingReport {
    try tasks.sharingReport(
      of: recipe, adapter: assembly.model.configuration, architecture: assembly.model.backbone.architecture)
  }

  /// The start's table: patterns, modules matched, numbers trained.
  public var parameterTable: Table {
    var table = Table(columns: [
      .init("pattern"), .init("modules", .right), .init("example"), .init("parameters", .right), .init("share", .right),
    ])
    let whole = assembly.model.backboneParameterCount
    for match in assembly.model.matches {
      table.append([
        match.pattern, Formatting.count(match.modules.count), match.modules.first ?? "",
        Formatting.count(match.parameterCount), Formatting.percent(Double(match.parameterCount) / Double(whole)),
      ])
    }
    let parameters = assembly.model.parameters
    func append(_ name: String, _ count: Int) {
      table.append([name, "", "", Formatting.count(count), Formatting.percent(Double(count) / Double(whole))])
    }
    append("all", parameters.count)
    if parameters.trainedCount < parameters.count { append("trained", parameters.trainedCount) }
    return table
  }
}
