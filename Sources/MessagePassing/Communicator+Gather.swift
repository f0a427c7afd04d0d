internal import COpenMPI

extension Communicator {
  /// Fills `result` with every rank's `values`, in the order of ranks.
  ///
  /// Collective and blocking: the same count on every rank; `result` holds `size` times as many.
  ///
  /// The corresponding C function is `MPI_Allgather` (MPI 3.1, section 5.7).
  public func allGather<Element: MPIElement>(
    _ values: UnsafeBufferPointer<Element>, into result: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) {
    precondition(result.count == values.count * size, "\(values.count) values of \(size) ranks into \(result.count)")
    let count = try Self.count(values.count, in: "MPI_Allgather")
    let type = Element.datatype
    let code = Activity.waiting {
      MPI_Allgather(values.baseAddress, count, type, result.baseAddress, count, type, handle)
    }
    try MPIError.check(code, from: "MPI_Allgather")
  }

  /// Returns every rank's `values`, in the order of ranks. Collective and blocking: the same count on every rank.
  public func allGather<Element: MPIElement>(_ values: [Element]) throws(MPIError) -> [Element] {
    let count = values.count * size
    var result = [Element](unsafeUninitializedCapacity: count) { $1 = count }
    try values.withUnsafeBufferPointer { (source) throws(MPIError) in
      try result.withUnsafeMutableBufferPointer { (target) throws(MPIError) in try allGather(source, into: target) }
    }
    return result
  }

  /// Returns every rank's `value`, in the order of ranks. Collective and blocking.
  public func allGather<Element: MPIElement>(_ value: Element) throws(MPIError) -> [Element] {
    try allGather([value])
  }

  /// Fills the blocks of `result` with every rank's `values`; ranks may give different counts.
  ///
  /// Collective and blocking: the same `layout` on every rank, where block r has the count of rank r's values.
  ///
  /// The corresponding C function is `MPI_Allgatherv` (MPI 3.1, section 5.7).
  public func allGatherV<Element: MPIElement>(
    _ values: UnsafeBufferPointer<Element>, into result: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) {
    layout.requireFit(in: result.count, ranks: size)
    let range = layout.range(of: rank)
    precondition(values.count == range.count, "\(values.count) values for a block of \(range.count)")
    try allGatherV(from: values.baseAddress, count: layout.counts[rank], into: result, layout)
  }

  /// Fills every block of `values` from the rank it belongs to: each rank has its own block on entry, all on return.
  ///
  /// Collective and blocking: the same `layout` on every rank.
  ///
  /// The corresponding C function is `MPI_Allgatherv` with `MPI_IN_PLACE` (MPI 3.1, section 5.7).
  public func allGatherV<Element: MPIElement>(
    inPlace values: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) {
    layout.requireFit(in: values.count, ranks: size)
    try allGatherV(from: cmpi_in_place(), count: 0, into: values, layout)
  }

  /// Starts ``allGatherV(inPlace:_:)`` and returns at once.
  ///
  /// Collective. `values` stays in place and is left alone until the request is complete. Without a progress thread in
  /// the library it moves on only inside MPI calls: `test()` now and then.
  ///
  /// The corresponding C function is `MPI_Iallgatherv` with `MPI_IN_PLACE` (MPI 3.1, section 5.12.4).
  public func startAllGatherV<Element: MPIElement>(
    inPlace values: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) -> Request {
    layout.requireFit(in: values.count, ranks: size)
    let type = Element.datatype, blocks = layout.copies()
    var request: MPI_Request?
    let code = MPI_Iallgatherv(
      cmpi_in_place(), 0, type, values.baseAddress, blocks.counts.baseAddress, blocks.displacements.baseAddress, type,
      handle, &request)
    let result = Request([request], layouts: [blocks.counts, blocks.displacements])
    try MPIError.check(code, from: "MPI_Iallgatherv")
    return result
  }

  /// Returns the arrays of all ranks, which may differ in count, in the order of ranks. Collective and blocking.
  public func allGatherV<Element: MPIElement>(_ values: [Element]) throws(MPIError) -> [[Element]] {
    let layout = try BlockLayout(counts: allGather(Int64(values.count)).map { Int($0) })
    var joined = [Element](unsafeUninitializedCapacity: layout.elementCount) { $1 = layout.elementCount }
    try values.withUnsafeBufferPointer { (source) throws(MPIError) in
      try joined.withUnsafeMutableBufferPointer { (target) throws(MPIError) in
        try allGatherV(source, into: target, layout)
      }
    }
    return (0..<size).map { Array(joined[layout.range(of: $0)]) }
  }

  /// Returns the arrays of all ranks, which may differ in count, on rank `root`, and nil elsewhere.
  ///
  /// Collective and blocking: the same `root` on every rank.
  ///
  /// The corresponding C function is `MPI_Gatherv` (MPI 3.1, section 5.5).
  public func gather<Element: MPIElement>(_ values: [Element], to root: Int = 0) throws(MPIError) -> [[Element]]? {
    // Every rank learns the counts, so that too large a sum is an error everywhere and leaves nobody waiting.
    let layout = try BlockLayout(counts: allGather(Int64(values.count)).map { Int($0) })
    let joinedCount = rank == root ? layout.elementCount : 0
    var joined = [Element](unsafeUninitializedCapacity: joinedCount) { $1 = joinedCount }
    let type = Element.datatype
    let code = values.withUnsafeBufferPointer { source in
      joined.withUnsafeMutableBufferPointer { target in
        Activity.waiting {
          MPI_Gatherv(
            source.baseAddress, layout.counts[rank], type,
            target.baseAddress, layout.counts, layout.displacements, type, CInt(root), handle)
        }
      }
    }
    try MPIError.check(code, from: "MPI_Gatherv")
    guard rank == root else { return nil }
    return (0..<size).map { Array(joined[layout.range(of: $0)]) }
  }

  private func allGatherV<Element: MPIElement>(
    from source: UnsafeRawPointer?, count: CInt, into result: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) {
    let type = Element.datatype
    let code = Activity.waiting {
      MPI_Allgatherv(source, count, type, result.baseAddress, layout.counts, layout.displacements, type, handle)
    }
    try MPIError.check(code, from: "MPI_Allgatherv")
  }
}
