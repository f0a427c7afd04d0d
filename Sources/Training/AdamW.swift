import CKernels
import Foundation
import Tensors

/// AdamW (Loshchilov and Hutter 2019) as PyTorch computes it: decoupled decay on every parameter, bias-corrected moments.
public final class AdamW {
  public struct Options: Sendable, Equatable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var weightDecay = 0.0

    public init() {}
  }

  public let options: Options
  /// First and second moments, in the parameters' layout.
  public let firstMoments, secondMoments: UnsafeMutableBufferPointer<Float>
  /// Updates made so far: t of the bias correction.
  public var updateCount = 0
  private let parameters: TrainableParameters

  public init(_ parameters: TrainableParameters, options: Options) {
    (self.parameters, self.options) = (parameters, options)
    firstMoments = .allocate(capacity: parameters.count)
    secondMoments = .allocate(capacity: parameters.count)
    firstMoments.initialize(repeating: 0)
    secondMoments.initialize(repeating: 0)
  }

  deinit {
    firstMoments.deallocate()
    secondMoments.deallocate()
  }

  /// One update from the gradient buffer, each gradient multiplied by `gradientScale` first.
  public func update(learningRate: Double, gradientScale: Double) {
    guard parameters.count > 0 else { return }
    updateCount += 1
    ck_adamw(
      parameters.count, Float(learningRate), Float(1 - options.beta1), Float(options.beta2), Float(1 - options.beta2),
      Float(options.epsilon), Float(options.weightDecay), Float(1 - pow(options.beta1, Double(updateCount))),
      Float(1 - pow(options.beta2, Double(updateCount))), Float(gradientScale),
      parameters.gradients.baseAddress!, firstMoments.baseAddress!, secondMoments.baseAddress!,
      parameters.values.baseAddress!)
  }
}
