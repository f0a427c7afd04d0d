/// Clocks that are not those of the other hosts.
enum ClockDiagnosis {
  /// Seconds that a clock may be off, and that a file may be ahead of it.
  private static let tolerance = 2.0, fileTolerance = 60.0

  static func findings(_ hosts: [KnownHost]) -> [Finding] {
    let usual = reference(hosts.map(\.clockOffset))
    return hosts.flatMap { host -> [Finding] in
      let offset = host.clockOffset - usual
      if abs(offset) > tolerance {
        let text = "its clock is \(seconds(abs(offset))) \(offset > 0 ? "ahead of" : "behind") the others'"
        return [finding(host, text)]
      }
      guard let file = host.facts.futureFile, file.ahead > fileTolerance else { return [] }
      return [
        finding(host, "\(file.path) was last changed \(seconds(file.ahead)) in the future, by the host's clock")
      ]
    }
  }

  private static func finding(_ host: KnownHost, _ fault: String) -> Finding {
    Finding(
      .clock, .misleads, [host.name], fault,
      "Have the clock set by the network (timedatectl set-ntp true, or chrony): times of logs and files would be wrong")
  }

  /// What most clocks have: the asking host's 0, unless more than half of all are off to one side.
  private static func reference(_ offsets: [Double]) -> Double {
    let ahead = offsets.filter { $0 > tolerance }, behind = offsets.filter { $0 < -tolerance }
    guard let most = [ahead, behind].first(where: { 2 * $0.count > offsets.count }) else { return 0 }
    return most.sorted()[most.count / 2]
  }

  private static func seconds(_ value: Double) -> String {
    value < 120 ? "\(Formatting.number((value * 10).rounded() / 10)) s" : Formatting.duration(seconds: value)
  }
}
