import Adapters
import ArgumentParser
import Checkpoints
import Foundation
import Tasks
import Training

/// `polyad export`.
struct Export: SingleCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a task of an adapter as an adapter that stock PEFT loads.",
    discussion: """
      POLY (MHR too), TASK_LORA and C_POLY fold exactly: with the weights of evaluation, a task of theirs is one LoRA, \
      for C_POLY of rank (A + B) r. A task's own classification head becomes the adapter's classifier \
      (modules_to_save); LORA and IA3 whose tasks have such heads are written as they are, each time with one of them. \
      The model is not needed. With --all-tasks, OUTPUT gets a folder a task, task-<number>-<name>; these names hold a \
      hyphen, so that as names of PEFT adapters they never meet a module's.
      """)

  @Option(help: "The adapter's folder.", completion: .directory)
  var adapter: String
  @Option(help: "The task: its number from 0, or its name.")
  var task: TaskSelector?
  @Flag(help: "Write every task, each into a folder of its own under the output.")
  var allTasks = false
  @Option(help: "The folder to write; it must not be there yet, or be empty.", completion: .directory)
  var output: String
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard (task != nil) != allTasks else { throw ValidationError("give either --task or --all-tasks") }
  }

  func runAlone() throws {
    let source = URL(filePath: adapter), target = URL(filePath: output)
    try ModelOptions.requireAdapter(in: source)
    try OutputTarget.requireNewFolder(output, option: "--output")
    let saved = try CommandError.loadingModel { try SavedAdapter(source) }
    let export = try TaskExport(saved)
    let tasks = try task.map { [try Self.number(of: $0, in: export)] } ?? Array(export.tasks.indices)
    try AtomicFolder.write(to: target, replaceExisting: false, writesManifest: false) { folder in
      for task in tasks {
        let place = allTasks ? folder.appending(path: export.folderName(of: task)) : folder
        try FileSystem.createFolder(place)
        try export.write(task, into: place)
      }
    }
    try report(tasks, export, saved.configuration)
  }

  private static func number(of task: TaskSelector, in export: TaskExport) throws -> Int {
    if let number = task.place(among: export.tasks) { return number }
    switch task {
    case .index(let index): throw SavedAdapterError.taskOutOfRange(index, taskCount: export.tasks.count)
    case .name(let name): throw AdapterTaskError.unknownTask(name, known: export.tasks)
    }
  }

  private func report(_ tasks: [Int], _ export: TaskExport, _ source: AdapterConfiguration) throws {
    // The same for every task; (IA)³ has neither.
    let exported = export.configuration(of: tasks[0])
    let rank = exported.activeRank, alpha = rank.map { _ in exported.loraAlpha }
    let rows = tasks.map { task in
      (
        number: task, name: export.name(of: task),
        path: allTasks ? URL(filePath: output).appending(path: export.folderName(of: task)).relativePath : output
      )
    }
    guard json else {
      return try CommandOutput.result(
        Table(
          columns: [
            .init("task", .right), .init("name"), .init("r", .right), .init("lora_alpha", .right), .init("folder"),
          ],
          rows: rows.map {
            [
              "\($0.number)", $0.name ?? "", rank.map(String.init) ?? "", alpha.map(Formatting.number) ?? "", $0.path,
            ]
          }))
    }
    try CommandOutput.result([
      "adapter": .string(adapter), "peft_type": .string(source.peftType.rawValue),
      "r": rank.map { .int($0) } ?? .null, "lora_alpha": alpha.map { .double($0) } ?? .null,
      "tasks": .array(
        rows.map { ["task": .int($0.number), "name": $0.name.map { .string($0) } ?? .null, "path": .string($0.path)] }),
    ])
  }
}
