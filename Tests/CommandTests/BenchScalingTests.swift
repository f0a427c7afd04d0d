import Foundation
import TestSupport
import Testing

/// `bench scaling` starts mpirun by itself.
struct BenchScalingTests {
  private func run(
    _ folder: TrainFolder, _ options: [String], ranks: Int = 1
  ) throws -> PolyadProcess.Outcome {
    try folder.writeRecipe()
    return try PolyadProcess.run(["bench", "scaling"] + options, ranks: ranks, in: folder.url)
  }

  @Test func aRecipesOwnBatchesAreMeasuredOnSeveralRanks() throws {
    try TrainFolder.with { folder in
      let outcome = try run(
        folder,
        ["recipe.yaml", "--ranks", "1,2", "--rounds", "2", "--steps", "2", "--json", "--plot", "scaling.svg"])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try #require(
        JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
      #expect(report["kind"] as? String == "strong" && report["subject"] as? String == "recipe.yaml")
      let points = try #require(report["scaling"] as? [[String: Any]])
      #expect(points.map { $0["ranks"] as? Int } == [1, 2])
      #expect(points[0]["efficiency"] as? Double == 1 && points[0]["speed_up"] as? Double == 1)
      for point in points {
        #expect((point["rounds"] as? [Double])?.count == 2)
        #expect(try #require(point["tokens_per_second"] as? Double) > 0)
        for key in ["communication_share", "imbalance"] {
          let share = try #require(point[key] as? Double)
          #expect((0...1).contains(share), "\(key)")
        }
      }
      #expect(try String(contentsOf: folder.file("scaling.svg"), encoding: .utf8).contains(">ideal</text>"))
      #expect(!folder.exists("run"))
    }
  }

  @Test func faultsOfTheCallAreToldBeforeAnythingStarts() throws {
    try TrainFolder.with { folder in
      try Data("node9.invalid slots=1\n".utf8).write(to: folder.file("gone"))
      try Data("localhost slots=2\n".utf8).write(to: folder.file("here"))
      for (options, code, text) in [
        (["recipe.yaml", "--ranks", "1,6"], 2, "6 ranks cannot share 5 micro-batches"),
        (["recipe.yaml", "--ranks", "2,3", "--weak"], 2, "--weak: 3 ranks are no multiple of 2"),
        (["recipe.yaml", "--ranks", "1,x"], 2, "give whole numbers above 0 with commas between them, such as 1,2,4"),
        (["recipe.yaml", "--ranks", "1,3", "--hostfile", "here"], 2, "3 ranks are more than the 2 slots of here"),
        (["recipe.yaml", "--hostfile", "none"], 2, "no hostfile none; hostfiles/example shows how to write one."),
        (["recipe.yaml", "--hostfile", "gone"], 5, "node9.invalid does not answer by ssh"),
        (["recipe.yaml", "--batch", "3"], 2, "--batch has no place beside a recipe, which says it itself"),
        (["recipe.yaml", "--weak", "--strong"], 2, "--strong and --weak exclude each other"),
        (["none.yaml"], 2, "cannot read the recipe"), (["--preset", "gpt2"], 2, "Missing expected argument '--data"),
        (["recipe.yaml", "--plot", "none/a.svg"], 2, "--plot none/a.svg: there is no folder"),
        (
          ["recipe.yaml", "--ranks", "1", "--threads", "1000"], 2,
          "1 rank(s) of 1000 threads need 1000 cores, but this host has "
        ),
      ] as [([String], Int32, String)] {
        let outcome = try run(folder, options)
        #expect(outcome.exitCode == code, "\(options): \(outcome.standardError)")
        #expect(
          outcome.messages.count == 1 && outcome.messages[0].contains(text), "\(options): \(outcome.standardError)")
        #expect(outcome.standardOutput.isEmpty)
      }
    }
  }

  @Test func aRankStartsNoRanks() throws {
    try TrainFolder.with { folder in
      let outcome = try run(folder, ["recipe.yaml"], ranks: 2)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages == ["polyad: bench scaling starts mpirun itself: call it without mpirun"])
    }
  }

  /// What a rank says of the recipe is said once, with the rank's own exit code.
  @Test func aFaultOfTheRanksIsPassedOn() throws {
    try TrainFolder.with { folder in
      folder.recipe["model_name_or_path"] = "./none"
      let outcome = try run(folder, ["recipe.yaml", "--ranks", "1"])
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("1 rank(s) ended with code 4: "))
    }
  }
}
