import Glibc

/// What the launcher's environment variables say about this process, before MPI starts.
///
/// They serve for checks and early messages only; once MPI runs, the communicator is the truth.
struct LaunchVariables {
  /// The value of an environment variable.
  let value: (String) -> String?

  /// Those of this process.
  static var ofProcess: LaunchVariables { LaunchVariables { name in getenv(name).map { String(cString: $0) } } }

  /// This process's rank, as its launcher says.
  var rank: Int? { ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"].compactMap(value).first.flatMap { Int($0) } }

  /// Whether a process manager that MPI can connect to started this process.
  var hasProcessManager: Bool {
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"].contains { value($0) != nil }
  }

  /// Whether Slurm's srun, or its interactive shell, started this process.
  var isSlurmStep: Bool { value("SLURM_STEP_ID") != nil }

  /// How many processes the launcher started, and the variable that says so; nil without a launcher.
  ///
  /// Only variables of the process's own step count: `SLURM_NTASKS` is also set in a batch script's shell, where a
  /// single process is right.
  var processCount: (count: Int, variable: String)? {
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
      if let count = value(name).flatMap({ Int($0) }) { return (count, "\(name)=\(count)") }
    }
    return nil
  }

  /// Throws if several processes were started and MPI connects `connectedCount` of them, which is one.
  func requireConnection(connectedCount: Int) throws(MPIError) {
    guard connectedCount == 1, let (count, variable) = processCount, count > 1 else { return }
    throw .notConnected(processCount: count, variable: variable)
  }
}
