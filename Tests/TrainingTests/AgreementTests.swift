import Testing

@testable import Training

/// What ranks that do not agree are told.
struct AgreementTests {
  private func ranks(_ facts: [(host: String, facts: [Fact])]) -> [RankFacts] {
    facts.map { RankFacts(host: $0.host, facts: $0.facts) }
  }

  private func disagreement(_ facts: [(host: String, facts: [Fact])]) -> Disagreement {
    Disagreement(differences: Agreement.differences(among: ranks(facts)))
  }

  private func rate(_ value: String) -> Fact { Fact(.recipe, "`learning_rate`", value) }

  @Test func ranksWithTheSameFactsAgree() {
    #expect(Agreement.differences(among: ranks([("a", [rate("1")]), ("b", [rate("1")])])) == [])
    // What is only shown may differ.
    let shown = ["/x/a", "/y/a"].map { Fact(.model, "a", "12", shown: $0) }
    #expect(Agreement.differences(among: ranks([("a", [shown[0]]), ("b", [shown[1]])])) == [])
  }

  @Test func oneDifferenceIsOneLine() {
    let found = disagreement([("node1", [rate("0.01")]), ("node1", [rate("0.01")]), ("node2", [rate("0.02")])])
    #expect(
      found.description
        == "the ranks do not agree, so nothing was started: node2 (rank 2): `learning_rate` is 0.02; rank 0 on node1 has "
        + "0.01. Start every rank with the same recipe and options: copy the recipe to every host, or share its folder."
    )
    #expect(found.kind == .recipe)
  }

  @Test func severalAreALineEachWithTheHostsThatHaveTheSame() {
    func data(_ sum: String) -> Fact {
      Fact(.data, "training data of task rte", sum, shown: "9 examples with checksum \(sum)")
    }
    let found = disagreement(
      [("node1", [rate("0.01"), data("aa")])]
        + ["node2", "node2", "node2", "node3"].map { ($0, [rate("0.02"), data("aa")]) }
        + [("node4", [rate("0.03"), data("bb")])])
    #expect(
      found.description == """
        the ranks do not agree, so nothing was started:
          node2 (ranks 1-3) and node3 (rank 4): `learning_rate` is 0.02; rank 0 on node1 has 0.01
          node4 (rank 5): `learning_rate` is 0.03; rank 0 on node1 has 0.01
          node4 (rank 5): training data of task rte is 9 examples with checksum bb; rank 0 on node1 has 9 examples with \
        checksum aa
        Start every rank with the same recipe and options: copy the recipe to every host, or share its folder.
        Copy the data to every host, or share its folder.
        """)
  }

  @Test func whatOnlySomeHaveIsTold() {
    let library = Fact(.program, "library libdnnl", "77", shown: "/lib/libdnnl.so.2 (build 77)")
    #expect(
      Agreement.differences(among: ranks([("a", [library]), ("b", [])])).map(\.description)
        == ["b (rank 1): library libdnnl is missing; rank 0 on a has /lib/libdnnl.so.2 (build 77)"])
    #expect(
      Agreement.differences(among: ranks([("a", []), ("b", [library])])).map(\.description)
        == ["b (rank 1): library libdnnl is /lib/libdnnl.so.2 (build 77); rank 0 on a has none"])
  }

  @Test func ofListsTheWordsThatDifferAreTold() {
    func flags(_ text: String) -> [Fact] { [Fact(.processor, "the processor's instructions", text, isList: true)] }
    let found = disagreement(
      [("a", flags("avx avx2 avx512f")), ("b", flags("avx avx2")), ("c", flags("avx avx2 sse4a"))])
    #expect(
      found.description == """
        the ranks do not agree, so nothing was started:
          b (rank 1): the processor's instructions lack avx512f, unlike those of rank 0 on a
          c (rank 2): the processor's instructions lack avx512f and have sse4a, unlike those of rank 0 on a
        Other processors or kernels round otherwise, so that the result would not have the bits of either: leave these \
        hosts out (or give all the same libraries, POLYAD_CORETYPE and POLYAD_MATMUL), or go on with \
        --allow-mixed-processors.
        """)
  }

  @Test func noMoreLinesThanAScreenTakes() {
    let many = (0..<40).map { Fact(.recipe, "`\($0)`", "1") }, others = (0..<40).map { Fact(.recipe, "`\($0)`", "2") }
    let lines = disagreement([("a", many), ("b", others)]).description.split(separator: "\n")
    #expect(lines.count == 19 && lines[17] == "  and 24 more")
  }

  @Test func longValuesAreCutToWhereTheyDiffer() {
    let start = String(repeating: "a", count: 300), end = String(repeating: "z", count: 300)
    let (first, second) = Agreement.excerpts(start + "1" + end, start + "2" + end)
    #expect(first.contains("a1z") && second.contains("a2z") && first.count < 170)
    #expect(first.hasPrefix("…") && first.hasSuffix("…"))
    #expect(Agreement.excerpts("a", "b") == ("a", "b"))
  }

  @Test func ranksAndHostsInWords() {
    #expect(RankPlaces.numbers([0, 1, 4, 5, 6, 9]) == "0, 1, 4-6, 9")
    let hosts = (0..<20).map { "node\($0 / 2)" }
    #expect("\(RankPlaces([2, 3, 5], hosts: hosts))" == "node1 (ranks 2, 3) and node2 (rank 5)")
    #expect(
      "\(RankPlaces(Array(0..<20), hosts: hosts))"
        == "node0 (ranks 0, 1), node1 (ranks 2, 3), node2 (ranks 4, 5), node3 (ranks 6, 7), node4 (ranks 8, 9), node5 "
        + "(ranks 10, 11) and 4 more")
  }

  @Test func hostsAreToldWhereThereAreSeveralOrTheirThreadsDiffer() {
    #expect(HostsLine.text([(0, 2, "a"), (0, 2, "a")]) == nil)
    #expect(HostsLine.text([(0, 2, "a"), (0, 1, "a")]) == "hosts: a: 2 rank(s) of 2 and 1 thread(s)")
    #expect(
      HostsLine.text([(0, 4, "a"), (0, 4, "a"), (2, 4, "b"), (2, 4, "b"), (4, 8, "c")])
        == "hosts: a and b: each 2 rank(s) of 4 thread(s); c: 1 rank(s) of 8 thread(s)")
  }

  // MARK: Replicas

  @Test func theFirstParameterThatDiffersAndTheOddRankAreFound() {
    let names = ["A", "B", "C"]
    #expect(ReplicaCheck.finding([[1, 2, 3], [1, 2, 3]], names: names) == nil)
    #expect(
      ReplicaCheck.finding([[1, 9, 3], [1, 2, 3], [1, 2, 7]], names: names)
        == .init(parameter: "B", oddRanks: [0], isMajority: true))
    #expect(
      ReplicaCheck.finding([[1, 2, 3], [1, 2, 4]], names: names)
        == .init(parameter: "C", oddRanks: [1], isMajority: false))
    #expect(
      ReplicaCheck.finding([[1, 2, 3], [1, 2, 3], [0, 2, 3], [0, 2, 3]], names: names)
        == .init(parameter: "A", oddRanks: [2, 3], isMajority: false))
  }
}
