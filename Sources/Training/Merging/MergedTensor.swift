import Checkpoints

/// A tensor of a merged model.
struct MergedTensor {
  let name: String
  let shape: [Int]
  let dataType: DataType
  /// The tensor of the model's file that it follows; nil: it is new.
  private let original: String?
  /// The new numbers; nil: those of the file.
  private let values: Values?

  /// Makes numbers for a type: those that it keeps, or ones of 32 bits that nothing has rounded yet.
  typealias Values = (DataType) throws -> [Float]

  /// A tensor of the model's file, under a name and in a type that may be others; integers and the like keep theirs.
  init(_ name: String, of source: WeightFiles, original: String, wanted: DataType?) throws {
    let info = try source.info(original)
    (self.name, shape, self.original, values) = (name, info.shape, original, nil)
    dataType = info.dataType.holdsWeights ? wanted ?? info.dataType : info.dataType
  }

  /// New numbers.
  ///
  /// - Parameter original: The tensor that they replace; nil: none, and the type is that of the file's first weights.
  init(
    _ name: String, shape: [Int], of source: WeightFiles, original: String?, wanted: DataType?,
    values: @escaping Values
  ) throws {
    (self.name, self.shape, self.original, self.values) = (name, shape, original, values)
    let types = try (original.map { [$0] } ?? source.names).map { try source.info($0).dataType }
    dataType = wanted ?? types.first { $0.holdsWeights } ?? .float32
  }

  /// The bytes of the merged file, and whether its numbers are others than the model's in the same type.
  ///
  /// - Throws: ``ModelMergeError/overflows(tensor:dataType:)``, or what the numbers' source throws.
  func bytes(of source: WeightFiles) throws -> (bytes: [UInt8], isChanged: Bool) {
    if let original, values == nil, try source.info(original).dataType == dataType {
      return (Array(try source.bytes(original)), false)
    }
    let old = try original.map { try source.array($0) }, new = try values?(dataType) ?? old ?? []
    guard let bytes = dataType.encode(new), new.allSatisfy({ abs($0) <= dataType.largest }) else {
      throw ModelMergeError.overflows(tensor: name, dataType: dataType.rawValue)
    }
    guard values != nil, let old else { return (bytes, values != nil) }
    // Numbers, not bytes: a sum with nothing takes the sign of a zero away.
    func kept(_ numbers: [Float]) -> [Float] { dataType.rounded(numbers.map(Double.init)) }
    return (bytes, new != old && kept(new) != kept(old))
  }
}
