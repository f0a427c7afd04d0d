/// Where ranks run on the cores of their hosts: mpirun's options.
struct RankPlacement: Equatable {
  let options: [String]
  /// What makes the ranks slower than they could be; nil: nothing.
  let note: String?

  /// Bound to cores.
  static func bound(_ mapping: String) -> RankPlacement {
    RankPlacement(options: ["--map-by", mapping, "--bind-to", "core"], note: nil)
  }

  /// The one to take where mpirun can bind so many ranks, and the one where it cannot.
  ///
  /// - Parameters:
  ///   - threadCount: Of a rank; nil: the program divides the cores that it finds.
  ///   - hosts: Those that the ranks fill; nil: this one.
  ///   - cores: Of this host.
  /// - Throws: ``RankedRunError/fewCores(place:rankCount:threadCount:cores:)``.
  static func choices(
    rankCount: Int, threadCount: Int?, hosts: [LaunchPlace.Host]?, cores: Int
  ) throws(RankedRunError) -> [RankPlacement] {
    let spread: [(place: String, ranks: Int, cores: Int)] =
      hosts.map { $0.map { ($0.host.name, $0.slots, $0.cores) } } ?? [("this host", rankCount, cores)]
    let tight = spread.filter { $0.ranks * (threadCount ?? 1) > $0.cores }
    if let first = tight.first, let threadCount, threadCount > 1 {
      throw .fewCores(place: first.place, rankCount: first.ranks, threadCount: threadCount, cores: first.cores)
    }
    func unbound(_ note: String?) -> RankPlacement {
      let options = (hosts == nil ? ["--oversubscribe"] : ["--map-by", "slot"]) + ["--bind-to", "none"]
      return RankPlacement(options: options, note: note)
    }
    if let first = tight.first {
      let count = "\(first.ranks) rank(s) on \(first.cores) core(s)"
      return [unbound("\(first.place): \(count): they take turns, which is slower than fewer ranks")]
    }
    guard let threadCount else { return [unbound(nil)] }
    guard hosts != nil else {
      return [bound("slot:pe=\(threadCount)"), unbound("mpirun cannot bind ranks to cores here: they run unbound")]
    }
    guard Set(spread.map(\.ranks)).count == 1, Set(spread.map(\.cores)).count == 1 else { return [unbound(nil)] }
    return [
      bound("ppr:\(spread[0].ranks):node:pe=\(threadCount)"),
      unbound("mpirun cannot bind ranks to cores on these hosts: they run unbound"),
    ]
  }
}
