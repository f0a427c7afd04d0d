import Backbones
import Tensors

/// The rule "mix factors, then multiply": a segment's skills are averaged factor by factor into one low-rank product.
///
///     A_t[q] = Σ_s w[q, s] A[q, s]        B_t[q] = Σ_s w[q, s] B[q, s]        for each split q
///     y = x W + b + s (x A_t) B_t
///
/// A_t's rows are the splits' one above the other, B_t's columns theirs side by side. A segment has weights of its own,
/// so each has factors of its own, mixed once a pass; its tokens then cost what LoRA's cost.
///
/// Shapes: A (splits, skills, inputs / splits, r), B (splits, skills, r, outputs / splits).
final class FactorMixture: LinearAdapter {
  private let a, b: ParameterPair
  private let adapterRank, splits, skills, inputs, outputs: Int
  private let scale: Float
  private let router: SkillRouter
  /// z = x A_t of the pass under way.
  private var z: Matrix?

  init(
    at site: Linear, a: ParameterPair, b: ParameterPair, adapterRank: Int, splits: Int, skills: Int, scale: Float,
    router: SkillRouter
  ) {
    (self.a, self.b, self.scale, self.router) = (a, b, scale, router)
    (self.adapterRank, self.splits, self.skills) = (adapterRank, splits, skills)
    (inputs, outputs) = (site.inputs, site.outputs)
  }

  let needsInput = true

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    base.applyBase(x, into: y, pass)
    let z = pass.kept(x.rows, adapterRank)
    for group in groups(pass) {
      let mark = pass.scratch.mark()
      let (at, bt) = factors(group.weights, pass)
      z.rows(group.rows).set(x.rows(group.rows).N, at.N)
      y.rows(group.rows).accumulate(z.rows(group.rows).N, bt.N, alpha: scale)
      pass.scratch.release(to: mark)
    }
    if pass.keepsActivations { self.z = z }
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x, let z else { preconditionFailure("backward without a forward that keeps activations") }
    self.z = nil
    // y = x W + b + s z B_t
    base.backwardBase(dy, x: x, into: dx, pass)
    for group in groups(pass) {
      let mark = pass.scratch.mark()
      let (at, bt) = factors(group.weights, pass)
      let (dat, dbt) = emptyFactors(pass)
      let dz = pass.scratch.matrix(group.rows.count, adapterRank)
      let (dyPart, xPart, zPart) = (dy.rows(group.rows), x.rows(group.rows), z.rows(group.rows))
      dbt.set(zPart.T, dyPart.N, alpha: scale)
      dz.set(dyPart.N, bt.T, alpha: scale)
      // z = x A_t
      dat.set(xPart.T, dz.N)
      dx?.rows(group.rows).accumulate(dz.N, at.T)
      let dWeights = addGradient(dat, dbt, group.weights)
      router.addGradient(dWeights, of: group.segment, pass)
      pass.scratch.release(to: mark)
    }
  }

  // MARK: Mixing

  /// Rows that share factors: neighbours of one task that no noise tells apart.
  private struct Group {
    let segment: Int
    var rows: Range<Int>
    let weights: [Double]
  }

  private func groups(_ pass: Pass) -> [Group] {
    var groups: [Group] = []
    for segment in pass.segments.indices {
      let rows = pass.rows(of: segment), own = pass.segments[segment]
      if let last = groups.last.map({ pass.segments[$0.segment] }), last.route == own.route,
        last.draw == own.draw || !router.noise.isDrawn(pass)
      {
        groups[groups.count - 1].rows = groups[groups.count - 1].rows.lowerBound..<rows.upperBound
      } else {
        groups.append(Group(segment: segment, rows: rows, weights: router.weights(of: segment, pass)))
      }
    }
    return groups.filter { !$0.rows.isEmpty }
  }

  private func emptyFactors(_ pass: Pass) -> (a: Matrix, b: Matrix) {
    (pass.scratch.matrix(inputs, adapterRank), pass.scratch.matrix(adapterRank, outputs))
  }

  /// A_t (inputs, r) and B_t (r, outputs).
  private func factors(_ weights: [Double], _ pass: Pass) -> (a: Matrix, b: Matrix) {
    let (at, bt) = emptyFactors(pass)
    at.fill(0)
    bt.fill(0)
    eachBlock { index, aBlock, bBlock, aPlace, bPlace in
      let weight = Float(weights[index])
      at.elements.part(aPlace, aBlock.count).add(a.values.elements.part(aBlock.lowerBound, aBlock.count), times: weight)
      for row in 0..<adapterRank {
        let width = bBlock.count / adapterRank, start = bBlock.lowerBound + row * width
        bt.elements.part(row * outputs + bPlace, width).add(b.values.elements.part(start, width), times: weight)
      }
    }
    return (at, bt)
  }

  /// Adds the factors' gradients to the skills', and returns the weights'.
  private func addGradient(_ dat: Matrix, _ dbt: Matrix, _ weights: [Double]) -> [Double] {
    var dWeights = [Double](repeating: 0, count: weights.count)
    eachBlock { index, aBlock, bBlock, aPlace, bPlace in
      let weight = Float(weights[index]), aPart = dat.elements.part(aPlace, aBlock.count)
      a.gradient.elements.part(aBlock.lowerBound, aBlock.count).add(aPart, times: weight)
      var slope = Double(aPart.dot(a.values.elements.part(aBlock.lowerBound, aBlock.count)))
      for row in 0..<adapterRank {
        let width = bBlock.count / adapterRank, start = bBlock.lowerBound + row * width
        let part = dbt.elements.part(row * outputs + bPlace, width)
        b.gradient.elements.part(start, width).add(part, times: weight)
        slope += Double(part.dot(b.values.elements.part(start, width)))
      }
      dWeights[index] = slope
    }
    return dWeights
  }

  /// Calls `body` for every split's every skill, with its weight's index, where its numbers lie in A and B, and where
  /// the split begins in A_t and in each row of B_t.
  private func eachBlock(
    _ body: (_ index: Int, _ a: Range<Int>, _ b: Range<Int>, _ aPlace: Int, _ bPlace: Int) -> Void
  ) {
    let aCount = inputs / splits * adapterRank, bCount = adapterRank * (outputs / splits)
    for split in 0..<splits {
      for skill in 0..<skills {
        let index = split * skills + skill
        body(
          index, index * aCount..<(index + 1) * aCount, index * bCount..<(index + 1) * bCount, split * aCount,
          split * (outputs / splits))
      }
    }
  }
}
