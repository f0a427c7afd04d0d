import Foundation
import Tensors

/// Rotary positions (Su et al. 2021): each pair of numbers of a query or key is turned by an angle that grows with its
/// position, so that their product sees only how far apart they are.
///
///     (a, b) becomes (a cos φ - b sin φ, b cos φ + a sin φ)        φ = position · f_j
///
/// The pair is (x_j, x_(j + w/2)), as in Hugging Face's files. Angles are formed in single precision, as the
/// checkpoints' own training formed them.
public final class RotaryEmbedding {
  /// Which way to turn: `back` undoes `forth` and is its backward pass.
  public enum Direction: Sendable { case forth, back }

  private let headWidth: Int
  private let frequencies: [Float]
  /// Cosines, then sines, of positions below ``length``, (2 length, w / 2).
  private var table: UnsafeMutableBufferPointer<Float>
  private var length = 0

  public init(_ frequencies: RotaryFrequencies, headWidth: Int) {
    self.headWidth = headWidth
    self.frequencies = frequencies.values(headWidth: headWidth)
    table = .allocate(capacity: 0)
  }

  deinit { table.deallocate() }

  /// Turns every head of x, (rows, heads · width), by its row's position.
  public func rotate(_ x: Matrix, _ direction: Direction, _ rows: Rows) {
    reserve(Int(rows.largestPosition) + 1)
    let angles = Matrix(base: table.baseAddress!, rows: 2 * length, columns: frequencies.count)
    x.rotatePairs(
      headWidth: headWidth, positions: rows.positions, cosines: angles.rows(0..<length),
      sines: angles.rows(length..<2 * length), isBack: direction == .back)
  }

  /// Makes the tables at least `count` positions long, doubling them.
  private func reserve(_ count: Int) {
    guard count > length || length == 0 else { return }
    length = max(count, 2 * length, 64)
    table.deallocate()
    table = .allocate(capacity: 2 * length * frequencies.count)
    for position in 0..<length {
      for (j, frequency) in frequencies.enumerated() {
        let angle = Double(Float(position) * frequency)
        table[position * frequencies.count + j] = Float(cos(angle))
        table[(length + position) * frequencies.count + j] = Float(sin(angle))
      }
    }
  }
}
