/// Memory, shared memory and disk, against what a run takes.
enum MemoryDiagnosis {
  static func findings(_ hosts: [KnownHost], _ needs: RunNeeds?) -> [Finding] {
    hosts.flatMap { host in
      sharedMemory(host, needs) + (needs.map { memory(host, $0) + disk(host, $0) } ?? [])
    }
  }

  private static func memory(_ host: KnownHost, _ needs: RunNeeds) -> [Finding] {
    let wanted = needs.memory(ranks: host.ranks), facts = host.facts.memory
    guard wanted > facts.available else { return [] }
    return [
      Finding(
        .memory, .stops, [host.name],
        "the run takes \(Formatting.bytes(wanted)) there (weights \(Formatting.bytes(needs.hostBytes)), \(host.ranks) rank(s) of "
          + "\(Formatting.bytes(needs.rankBytes)) each), and \(Formatting.bytes(facts.available)) of \(Formatting.bytes(facts.total)) are free",
        "Fewer ranks with more threads take less (slots, POLYAD_THREADS); so do --set precision=bf16, more "
          + "micro_batches and --set activation_checkpointing=true")
    ]
  }

  private static func sharedMemory(_ host: KnownHost, _ needs: RunNeeds?) -> [Finding] {
    let wanted = needs?.sharedMemory(ranks: host.ranks) ?? RunNeeds.messages(ranks: host.ranks)
    let facts = host.facts.memory
    guard wanted > facts.sharedFree else { return [] }
    let size = (wanted >> 30) + 1
    return [
      Finding(
        .sharedMemory, .stops, [host.name],
        "the run takes \(Formatting.bytes(wanted)) of \(facts.sharedFolder), and \(Formatting.bytes(facts.sharedFree)) are free",
        "mount -o remount,size=\(size)g \(facts.sharedFolder) makes room (in a container: docker run --shm-size=\(size)g)"
      )
    ]
  }

  private static func disk(_ host: KnownHost, _ needs: RunNeeds) -> [Finding] {
    guard let output = host.facts.output, output.fault == nil, needs.diskBytes > output.free else { return [] }
    return [
      Finding(
        .diskSpace, .stops, [host.name],
        "the run writes \(Formatting.bytes(needs.diskBytes)) into \(output.path), where \(Formatting.bytes(output.free)) are free",
        "Free some, or keep fewer checkpoints, as with --set save_total_limit=2")
    ]
  }
}
