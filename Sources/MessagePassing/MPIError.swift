internal import COpenMPI

/// What can go wrong between ranks.
public enum MPIError: Error, Equatable {
  /// An MPI function returned an error: its name, its code and MPI's own text for the code.
  case callFailed(operation: String, code: Int32, text: String)
  /// The library offers less than the thread level that was asked for.
  case threadLevel(requested: ThreadLevel, provided: ThreadLevel)
  /// MPI runs, or ran, in this process already; it starts once.
  case alreadyStarted
  /// A launcher started several processes, but MPI does not connect them: each would work alone.
  case notConnected(processCount: Int, variable: String)
  /// More elements than one MPI call can count.
  case tooManyElements(operation: String, count: Int)
  /// The folder of shared memory files is too small for a shared window.
  case sharedMemory(folder: String, host: String, neededBytes: Int, availableBytes: Int)

  /// Throws if `code`, returned by the C function `operation`, is not success.
  static func check(_ code: Int32, from operation: String) throws(MPIError) {
    guard code != MPI_SUCCESS else { return }
    throw .callFailed(operation: operation, code: code, text: text(of: code))
  }

  private static func text(of code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING)) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      buffer.initialize(repeating: 0)
      var length: CInt = 0
      guard MPI_Error_string(code, start, &length) == MPI_SUCCESS else { return "error code \(code)" }
      return String(cString: start)
    }
  }
}

extension MPIError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .callFailed(let operation, let code, let text):
      "\(operation) failed with code \(code): \(text)."
    case .threadLevel(let requested, let provided):
      "MPI offers the thread level \(provided), but \(requested) was asked for; "
        + "use an MPI library built with thread support."
    case .alreadyStarted:
      "MPI was started in this process before; create one MPIEnvironment and pass it on."
    case .notConnected(let processCount, let variable):
      "\(processCount) processes were started (\(variable)), but MPI sees each of them alone; "
        + "start them with Open MPI's mpirun, or with `srun --mpi=pmix` under Slurm."
    case .tooManyElements(let operation, let count):
      "\(operation) cannot move \(count) elements at once, \(CInt.max) at most; use more ranks or smaller parts."
    case .sharedMemory(let folder, let host, let neededBytes, let availableBytes):
      "A shared window needs \(mebibytes(neededBytes)) MiB, but \(folder) on \(host) has "
        + "\(mebibytes(availableBytes)) MiB free; enlarge it (in containers --shm-size), or set "
        + "OMPI_MCA_osc_sm_backing_directory to a local folder with more room."
    }
  }

  private func mebibytes(_ byteCount: Int) -> Int { (byteCount + (1 << 20) - 1) >> 20 }
}
