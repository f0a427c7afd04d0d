@testable import Training

extension AnswerSource {
  /// The answers to all questions, in their order.
  func answers(to questions: [TestQuestion]) -> [TestAnswer] {
    let shares = shares(of: questions)
    let all = (0..<shares.count).flatMap { shares.answer($0) }.sorted { $0.question < $1.question }
    return all.map(\.answer)
  }
}
