import Glibc

/// The other ranks' side of the watch: gives rank 0 signs of life, and notices its end. Its methods are one thread's.
final class WatchClient {
  private let watch: Watch
  private let hosts: [String]
  private let link: WatchConnection
  private var lastHeard = Watch.now, lastLook = Watch.now, lastBeat = 0.0
  private var closedAt: Double?
  /// Of which rank rank 0 was in doubt when it was last heard.
  private var concern = ""
  /// Set once rank 0 has ended the job.
  private var ending: (at: Double, code: Int32)?
  private var hasToldDone = false

  /// Seconds that rank 0 gets more than the others, so that it decides first.
  private static let delay = 2.0
  /// Seconds that each address of rank 0 has to answer, and all of them.
  private static let patience = 3.0, allPatience = 12.0

  /// Connects to rank 0; nil on rank 0 itself, and if no address answers.
  init?(_ watch: Watch, of hosts: [String], at place: WatchPlace) {
    let rank = watch.job.rank
    guard rank > 0, place.port > 0 else { return nil }
    let own = hosts[rank] == hosts[0] ? ["127.0.0.1", "::1"] : []
    let end = Watch.now + Self.allPatience
    for address in own + place.addresses where Watch.now < end {
      guard let descriptor = WatchSocket.connect(to: [address], port: place.port, seconds: Self.patience) else {
        continue
      }
      let link = WatchConnection(descriptor)
      if Self.isKnown(link, rank: rank, secret: place.secret) {
        (self.watch, self.hosts, self.link) = (watch, hosts, link)
        return
      }
    }
    return nil
  }

  /// Names this rank; whether rank 0 of this job answers.
  private static func isKnown(_ link: WatchConnection, rank: Int, secret: String) -> Bool {
    link.send(WatchFrame(kind: .hello, rank: rank, report: Activity.report, text: secret))
    let end = Watch.now + patience
    while link.isOpen, Watch.now < end {
      WatchSocket.wait(for: [link.descriptor], seconds: 0.2)
      if link.receive().contains(where: { $0.kind == .beat }) { return true }
    }
    return false
  }

  func run() {
    while closedAt == nil || !watch.isFinished {
      let descriptors = [watch.wake] + (link.isOpen ? [link.descriptor] : [])
      WatchSocket.wait(for: descriptors, seconds: link.isOpen ? watch.interval / 2 : 0.1)
      watch.calm()
      look(Watch.now)
    }
  }

  private func look(_ now: Double) {
    // Stopped, or starved, itself: rank 0 may have spoken meanwhile.
    let gap = now - lastLook
    if gap > 2 + 2 * watch.interval { lastHeard += gap }
    lastLook = now
    for frame in link.receive() {
      lastHeard = now
      switch frame.kind {
      case .end: ending = ending ?? (now, frame.code)
      case .beat: concern = frame.text
      case .hello, .failure, .done: break
      }
    }
    if !link.isOpen { closedAt = closedAt ?? now }
    speak(now)
    conclude(now)
  }

  private func speak(_ now: Double) {
    if let failure = watch.takeFailure() {
      link.send(WatchFrame(kind: .failure, rank: watch.job.rank, code: failure.code, text: failure.text))
    }
    if watch.isFinished, !hasToldDone {
      hasToldDone = true
      link.send(WatchFrame(kind: .done, rank: watch.job.rank))
      watch.noteTold()
    }
    if now - lastBeat >= watch.interval {
      lastBeat = now
      link.send(WatchFrame(kind: .beat, rank: watch.job.rank, report: Activity.report))
    }
    link.flush()
  }

  private func conclude(_ now: Double) {
    if let ending {
      // The launcher ends every rank; where it is out of reach this one goes by itself.
      if now >= ending.at + 3 { _exit(ending.code) }
      return
    }
    // One rank speaks; its abort ends the others while they wait for their turn.
    let turn = min(0.1 * Double(watch.job.rank - 1), 2)
    if let closedAt, !watch.isFinished, now >= closedAt + watch.grace + turn {
      end(WatchTable(hosts: hosts, timeout: watch.timeout, now: now).textOfLostMain(concern: concern))
    }
    let silence = now - lastHeard
    if closedAt == nil, silence >= watch.timeout + Self.delay + turn {
      end(
        "rank 0 of \(watch.job.rankCount) on \(hosts[0]) has given no sign of life to rank \(watch.job.rank) on "
          + "\(watch.job.host) for \(Int(silence)) s: the process is stopped, or its host or network is down.")
    }
  }

  private func end(_ text: String) -> Never {
    // Where rank 0 wakes up after all it has nothing to add.
    link.send(WatchFrame(kind: .done, rank: watch.job.rank))
    let remedy = Activity.currentRemedy
    watch.end([text + " The job ends." + (remedy.isEmpty ? "" : " " + remedy)], code: 5)
  }
}
