internal import COpenMPI
import Glibc

/// Which threads of a process may call MPI.
public enum ThreadLevel: Sendable, CaseIterable {
  /// The process has one thread.
  case single
  /// Only the thread that started MPI.
  case funneled
  /// Any thread, one at a time.
  case serialized
  /// Any thread at any time.
  case multiple

  var value: CInt {
    switch self {
    case .single: cmpi_thread_single()
    case .funneled: cmpi_thread_funneled()
    case .serialized: cmpi_thread_serialized()
    case .multiple: cmpi_thread_multiple()
    }
  }
}

/// MPI from its start to its end: the one owner of the library in a process.
///
/// It starts MPI, asks it to return errors instead of aborting, and finalizes it when it goes out of scope. All
/// communicators, requests and windows must be done before that. Finalizing waits for every rank, so an error must not
/// unwind past the environment: work inside ``Job/run(exitCode:_:)``, or call ``Job/fail(_:code:)``, while it lives.
///
/// Without a launcher the process is the only rank of its world.
public struct MPIEnvironment: ~Copyable {
  /// All ranks of the job.
  public let world: Communicator
  /// This rank's place in the job, and the way to end it.
  public let job: Job

  /// Starts MPI.
  ///
  /// Collective: every process of the job calls it. MPI starts once in a process's life.
  ///
  /// - Throws: ``MPIError``, among others if a launcher started several processes that MPI does not connect.
  ///
  /// The corresponding C function is `MPI_Init_thread` (MPI 3.1, section 12.4.3).
  public init(threadLevel: ThreadLevel = .funneled) throws(MPIError) {
    var isStarted: CInt = 0
    try MPIError.check(MPI_Initialized(&isStarted), from: "MPI_Initialized")
    guard isStarted == 0 else { throw .alreadyStarted }

    let variables = LaunchVariables.ofProcess
    let provided = try Self.start(threadLevel, variables)
    do throws(MPIError) {
      guard provided >= threadLevel.value else {
        let level = ThreadLevel.allCases.last { $0.value <= provided } ?? .single
        throw .threadLevel(requested: threadLevel, provided: level)
      }
      let world = try Communicator(cmpi_comm_world())
      try variables.requireConnection(connectedCount: world.size)
      job = Job(rank: world.rank, rankCount: world.size, host: try Self.processorName())
      self.world = world
    } catch {
      MPI_Finalize()
      throw error
    }
  }

  deinit {
    Watch.current?.finish()
    MPI_Finalize()
  }

  /// Returns the thread level MPI provides.
  private static func start(_ level: ThreadLevel, _ variables: LaunchVariables) throws(MPIError) -> CInt {
    var temporary: [String] = []
    if !variables.hasProcessManager {
      // Under srun without PMIx the library prints a page and exits; several tasks are an error of ours, one task (or
      // Slurm's interactive shell) can work alone once the library does not see the step.
      if variables.isSlurmStep {
        try variables.requireConnection(connectedCount: 1)
        unsetenv("SLURM_STEP_ID")
      }
      // A process alone needs no helper daemon and no network: 0.02 s instead of 0.27 s to start.
      for (name, value) in [("OMPI_MCA_ess_singleton_isolated", "1"), ("OMPI_MCA_pml", "ob1")]
      where getenv(name) == nil {
        setenv(name, value, 1)
        temporary.append(name)
      }
    }
    // Programs that this process starts, such as mpirun, must not inherit what holds for a process alone.
    defer { for name in temporary { unsetenv(name) } }
    var provided: CInt = 0
    try MPIError.check(MPI_Init_thread(nil, nil, level.value, &provided), from: "MPI_Init_thread")
    return provided
  }

  /// The name of this host, as MPI knows it.
  static func processorName() throws(MPIError) -> String {
    var name = [CChar](repeating: 0, count: Int(MPI_MAX_PROCESSOR_NAME))
    var length: CInt = 0
    try MPIError.check(MPI_Get_processor_name(&name, &length), from: "MPI_Get_processor_name")
    return String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
