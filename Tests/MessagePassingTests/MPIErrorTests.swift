import MessagePassing
import Testing

struct MPIErrorTests {
  @Test(arguments: [
    (
      MPIError.callFailed(operation: "MPI_Bcast", code: 8, text: "MPI_ERR_ROOT: invalid root"),
      "MPI_Bcast failed with code 8: MPI_ERR_ROOT: invalid root."
    ),
    (
      .threadLevel(requested: .multiple, provided: .funneled),
      "MPI offers the thread level funneled, but multiple was asked for; use an MPI library built with thread support."
    ),
    (
      .alreadyStarted,
      "MPI was started in this process before; create one MPIEnvironment and pass it on."
    ),
    (
      .notConnected(processCount: 4, variable: "PMI_SIZE=4"),
      "4 processes were started (PMI_SIZE=4), but MPI sees each of them alone; "
        + "start them with Open MPI's mpirun, or with `srun --mpi=pmix` under Slurm."
    ),
    (
      .tooManyElements(operation: "MPI_Allgather", count: 3_000_000_000),
      "MPI_Allgather cannot move 3000000000 elements at once, 2147483647 at most; use more ranks or smaller parts."
    ),
    (
      .sharedMemory(folder: "/dev/shm", host: "node1", neededBytes: 500 << 20, availableBytes: 64 << 20),
      "A shared window needs 500 MiB, but /dev/shm on node1 has 64 MiB free; enlarge it (in containers --shm-size), "
        + "or set OMPI_MCA_osc_sm_backing_directory to a local folder with more room."
    ),
  ])
  func everyTextNamesTheFaultAndTheRemedy(error: MPIError, text: String) {
    #expect(error.description == text)
  }

  @Test func aLayoutBeyondTheCountsOfMPIIsAnError() {
    #expect(throws: MPIError.tooManyElements(operation: "A layout of blocks", count: 3 << 30)) {
      try BlockLayout(counts: [1 << 30, 1 << 31])
    }
  }

  @Test func blocksWithoutDisplacementsLieBackToBack() throws {
    let layout = try BlockLayout(counts: [3, 0, 2])
    #expect(layout.elementCount == 5)
    #expect((0..<layout.blockCount).map { layout.range(of: $0) } == [0..<3, 3..<3, 3..<5])
  }
}
