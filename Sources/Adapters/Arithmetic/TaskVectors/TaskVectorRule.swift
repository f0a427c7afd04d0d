import Tensors

/// What is added to the base's numbers, made of what training changed in each model (task vectors τᵢ = θᵢ - θ₀, Ilharco
/// et al. 2023). Weights count plainly.
///
///     add, linear, negate, analogy    Σ wᵢ τᵢ
///     magnitude_prune, dare_linear    Σ wᵢ prune(τᵢ)
///     ties, dare_ties                 the mean of the wᵢ prune(τᵢ) that have the elected sign, see ``SignElection``
struct TaskVectorRule {
  /// Which entries of a task vector stay.
  enum Choice {
    /// Those whose magnitude reaches the model's bound.
    case atLeast([Double])
    /// By lot, each with the probability `density`, and divided by it (DARE, Yu et al. 2023).
    case lots(RandomKey, density: Double)
  }

  let weights: [Double]
  /// nil: all entries.
  let choice: Choice?
  let election: SignElection?

  /// - Parameters:
  ///   - vectors: A part of the τᵢ, of one length.
  ///   - part: Its place in the tensor; lots depend on it, on the tensor's name and on the model's place.
  func update(_ vectors: [[Double]], tensor: String, part: Int) -> [Double] {
    let pruned = vectors.enumerated().map { place, vector in
      switch choice {
      case .atLeast(let bounds): vector.map { $0.magnitude >= bounds[place] ? $0 : 0 }
      case .lots(let key, let density):
        Pruning.drawn(vector, key.child(UInt64(place)).child(tensor).child(UInt64(part)), density)
      case nil: vector
      }
    }
    return election?.mean(pruned, weights) ?? weightedSum(pruned, weights)
  }
}
