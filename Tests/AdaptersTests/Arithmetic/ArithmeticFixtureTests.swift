import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Compositions against PEFT's own results and the paper's formulas, both computed elsewhere.
struct ArithmeticFixtureTests {
  private struct Case: Decodable {
    let `case`: String
    let `operator`: String
    let inputs: [String]
    let weights: [Double]
    let svd_rank: Int?
    let density: Double?
    let majority_sign_method: String?
  }

  private static let folder = Fixtures.root.appending(path: "arithmetic")

  private static let cases: [Case] =
    (try? JSONDecoder().decode([Case].self, from: Data(contentsOf: folder.appending(path: "cases.json")))) ?? []

  @Test func thereAreCases() { #expect(Self.cases.count == 13) }

  /// 32-bit arithmetic elsewhere, on numbers near 1: 1e-5 is some hundred roundings.
  private static let tolerance = 1e-5

  @Test(arguments: cases.indices, [false, true])
  func theResultIsTheExpectedOne(index: Int, isPEFTCompatible: Bool) throws {
    let wanted = Self.cases[index], kind = String(wanted.case.prefix { $0 != "/" })
    let operation = try #require(ArithmeticOperator(rawValue: wanted.operator))
    let adapters = try wanted.inputs.map { try SavedAdapter(Self.folder.appending(path: "\(kind)/inputs/\($0)")) }
    let composition = try compose(operation, adapters, wanted.weights) {
      ($0.rank, $0.density) = (wanted.svd_rank, wanted.density)
      $0.isPEFTCompatible = isPEFTCompatible && !operation.isPapers
      $0.majority = wanted.majority_sign_method.flatMap { MajoritySign(rawValue: $0) }
    }
    let result = Self.folder.appending(path: wanted.case)
    if operation.isPapers {
      try expectTensors(composition.result, of: result.appending(path: "expected_adapter.safetensors"))
    } else {
      try expectUpdates(composition.result, of: result.appending(path: "expected_delta.safetensors"))
    }
  }

  private func expectTensors(_ result: SavedAdapter, of file: URL) throws {
    let expected = try SafetensorsFile(file), found = result.byName
    #expect(Set(expected.names) == Set(found.keys))
    for name in expected.names {
      let tensor = try #require(found[name]), values = try expected.array(name)
      #expect(try tensor.shape == expected.info(name).shape)
      #expect(zip(tensor.values, values).allSatisfy { abs(Double($0 - $1)) < Self.tolerance }, "\(name)")
    }
  }

  private func expectUpdates(_ result: SavedAdapter, of file: URL) throws {
    let expected = try SafetensorsFile(file)
    #expect(expected.names.count == result.sites.count)
    for (site, update) in zip(result.sites, try result.updates()) {
      let values = try expected.array("delta.base_model.model.\(site.path)")
      #expect(distance(update, .init(rows: update.rows, columns: update.columns, values: values)) < Self.tolerance)
    }
  }
}
