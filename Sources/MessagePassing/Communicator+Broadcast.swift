internal import COpenMPI

extension Communicator {
  /// Copies `values` of rank `root` to all ranks.
  ///
  /// Collective and blocking: every rank gives the same `root` and count. Any count.
  ///
  /// The corresponding C function is `MPI_Bcast` (MPI 3.1, section 5.4).
  public func broadcast<Element: MPIElement>(
    _ values: UnsafeMutableBufferPointer<Element>, from root: Int = 0
  ) throws(MPIError) {
    try Self.inChunks(values) { (start, count) throws(MPIError) in
      let code = Activity.waiting { MPI_Bcast(start, count, Element.datatype, CInt(root), handle) }
      try MPIError.check(code, from: "MPI_Bcast")
    }
  }

  /// Returns the `value` of rank `root`. Collective and blocking.
  public func broadcast<Element: MPIElement>(_ value: Element, from root: Int = 0) throws(MPIError) -> Element {
    var result = value
    try withUnsafeMutablePointer(to: &result) { (pointer) throws(MPIError) in
      try broadcast(UnsafeMutableBufferPointer(start: pointer, count: 1), from: root)
    }
    return result
  }

  /// Returns the `values` of rank `root`; what other ranks give, and how much, does not matter.
  ///
  /// Collective and blocking.
  public func broadcast<Element: MPIElement>(_ values: [Element], from root: Int = 0) throws(MPIError) -> [Element] {
    let count = Int(try broadcast(Int64(values.count), from: root))
    var result = values
    if rank != root {
      result = [Element](unsafeUninitializedCapacity: count) { $1 = count }
    }
    try result.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in try broadcast(buffer, from: root) }
    return result
  }

  /// Returns the `text` of rank `root`; what other ranks give does not matter.
  ///
  /// Collective and blocking.
  public func broadcast(_ text: String, from root: Int = 0) throws(MPIError) -> String {
    String(decoding: try broadcast(Array(text.utf8), from: root), as: UTF8.self)
  }
}
