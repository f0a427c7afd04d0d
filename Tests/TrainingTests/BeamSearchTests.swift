import Testing

@testable import Training

struct BeamSearchTests {
  private typealias Candidate = BeamSearch.Candidate

  private func search(count: Int = 2, maximumCount: Int = 9, penalty: Double = 1) -> BeamSearch {
    BeamSearch(slots: 4..<4 + count, maximumCount: maximumCount, lengthPenalty: penalty, endIds: [0])
  }

  @Test func aBeamsFirstSuccessorKeepsItsSlotAndTheOthersGetFreeOnes() {
    var search = search()
    #expect(search.candidateCount == 4)
    let first = search.advance([
      Candidate(beam: 0, token: 7, logProbability: -1), Candidate(beam: 0, token: 8, logProbability: -2),
      Candidate(beam: 0, token: 9, logProbability: -3),
    ])
    #expect(first == [BeamSearch.Copy(source: 4, target: 5)])
    #expect(search.running.map(\.slot) == [4, 5])
    // Both go on from the second beam, whose slot is 5: slot 4 is free.
    let second = search.advance([
      Candidate(beam: 1, token: 1, logProbability: -2.5), Candidate(beam: 1, token: 2, logProbability: -2.6),
    ])
    #expect(second == [BeamSearch.Copy(source: 5, target: 4)])
    #expect(search.running.map(\.tokens) == [[8, 1], [8, 2]])
    #expect(search.running.map(\.slot) == [5, 4])
  }

  @Test func finishedBeamsLeaveTheSearchAndTheBestScoreWins() {
    var search = search()
    _ = search.advance([
      Candidate(beam: 0, token: 0, logProbability: -1), Candidate(beam: 0, token: 7, logProbability: -1.1),
      Candidate(beam: 0, token: 8, logProbability: -1.2),
    ])
    #expect(search.best == [0])
    #expect(search.running.map(\.tokens) == [[7], [8]])
    // -1.4 over two tokens is better than -1 over one; the search ends as no running beam can beat the worst.
    _ = search.advance([
      Candidate(beam: 0, token: 0, logProbability: -1.4), Candidate(beam: 1, token: 5, logProbability: -3),
      Candidate(beam: 1, token: 6, logProbability: -4),
    ])
    #expect(search.best == [7, 0])
    #expect(search.running.isEmpty)
  }

  @Test func anEndBehindTheFirstCandidatesDoesNotCount() {
    var search = search()
    _ = search.advance([
      Candidate(beam: 0, token: 7, logProbability: -1), Candidate(beam: 0, token: 8, logProbability: -2),
      Candidate(beam: 0, token: 0, logProbability: -3),
    ])
    #expect(search.best.isEmpty)
    #expect(search.running.count == 2)
  }

  @Test func atTheLastTokenTheRunningBeamsAreFinishedToo() {
    var search = search(maximumCount: 1)
    let copies = search.advance([
      Candidate(beam: 0, token: 7, logProbability: -1), Candidate(beam: 0, token: 8, logProbability: -2),
    ])
    #expect(copies.isEmpty && search.running.isEmpty)
    #expect(search.best == [7])
  }
}
