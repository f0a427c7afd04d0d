/// Reads a hostfile a line at a time.
struct HostfileReader {
  /// In the order of their first lines, those without slots included.
  private(set) var hosts: [Hostfile.Host] = []
  /// How many lines name each of them.
  private var mentions: [Int] = []
  private let path: String
  private var number = 0
  private var isComment = false

  private static let form = "a line is HOST, or USER@HOST, and slots=RANKS."

  init(path: String) { self.path = path }

  private var place: String { "\(path), line \(number)" }
  private func fault(_ text: String) -> HostfileError { .line(place: place, fault: text) }

  /// - Parameter line: Without its line break.
  /// - Throws: ``HostfileError/line(place:fault:)``.
  mutating func read(_ line: Substring, isThisHost: (String) -> Bool) throws(HostfileError) {
    number += 1
    var line = line
    if number == 1, line.unicodeScalars.first == "\u{FEFF}" { line = Substring(line.unicodeScalars.dropFirst()) }
    if line.last == "\r" { line.removeLast() }
    let words = withoutComments(line).replacing("=", with: " = ").split(whereSeparator: \.isWhitespace).map(String.init)
    guard !words.isEmpty else { return }
    try add(try host(words), isThisHost: isThisHost)
  }

  /// A comment in /* */ may go on over lines.
  private mutating func withoutComments(_ line: Substring) -> String {
    var rest = line, result = ""
    while true {
      if isComment {
        guard let end = rest.firstRange(of: "*/") else { return result }
        rest = rest[end.upperBound...]
        isComment = false
      }
      let start = rest.firstRange(of: "/*")
      let before = rest[..<(start?.lowerBound ?? rest.endIndex)]
      let cut = [before.firstIndex(of: "#"), before.firstRange(of: "//")?.lowerBound].compactMap(\.self).min()
      guard let start, cut == nil else { return result + before[..<(cut ?? before.endIndex)] }
      result += before + " "
      rest = rest[start.upperBound...]
      isComment = true
    }
  }

  private func host(_ words: [String]) throws(HostfileError) -> Hostfile.Host {
    var host = Hostfile.Host(name: words[0])
    let parts = words[0].split(separator: "@", maxSplits: 1)
    if parts.count == 2, !words[0].hasPrefix("@") { host = Hostfile.Host(name: "\(parts[1])", user: "\(parts[0])") }
    guard host.name.wholeMatch(of: /[A-Za-z0-9]([A-Za-z0-9.\-]*[A-Za-z0-9])?/) != nil,
      (host.user ?? "").wholeMatch(of: /[A-Za-z0-9_.\-]*/) != nil
    else {
      throw fault(
        "\"\(words[0])\" is no host that Open MPI takes (letters, digits, dots and hyphens); \(Self.form)")
    }
    var most: Int?
    for start in stride(from: 1, to: words.count, by: 3) {
      guard start + 2 < words.count, words[start + 1] == "=" else {
        throw fault("\"\(words[start...].joined(separator: " "))\" cannot be read; \(Self.form)")
      }
      try set(words[start], words[start + 2], in: &host, most: &most)
    }
    // Where a line has a maximum alone, Open MPI starts that many.
    host.slots = host.slots ?? most
    return host
  }

  private func set(
    _ key: String, _ value: String, in host: inout Hostfile.Host, most: inout Int?
  ) throws(HostfileError) {
    let words = key.replacing("-", with: "_")
    switch words {
    case "username", "user_name":
      host.user = value
    case "port":
      host.port = try count(key, value)
    case "slots", "cpu", "count":
      let number = try count(key, value)
      guard host.slots == nil else { throw fault("the slots of \(host.name) are given twice.") }
      host.slots = number
    case "slots_max", "max_slots", "cpu_max", "max_cpu", "count_max", "max_count":
      let maximum = try count(key, value)
      guard maximum >= host.slots ?? 1 else {
        throw fault("\(host.name) has more slots than its maximum of \(maximum).")
      }
      most = maximum
    default:
      throw fault("\"\(key)\" is nothing that Open MPI 4.1 knows in a hostfile; \(Self.form)")
    }
  }

  private func count(_ key: String, _ value: String) throws(HostfileError) -> Int {
    guard value.wholeMatch(of: /[0-9]{1,6}/) != nil, let number = Int(value) else {
      throw fault("\(key)=\(value) must be a whole number.")
    }
    return number
  }

  /// Each further line of a host without slots is a slot more.
  private mutating func add(_ host: Hostfile.Host, isThisHost: (String) -> Bool) throws(HostfileError) {
    let known = hosts.lastIndex { $0.name == host.name || isThisHost(host.name) && isThisHost($0.name) }
    guard let known else {
      hosts.append(host)
      mentions.append(1)
      return
    }
    guard host.slots == nil else {
      let name = hosts[known].name
      throw fault(
        "\(host.name) \(name == host.name ? "" : "is \(name) and ")has a line already: give it one line with slots=RANKS, "
          + "or a line a rank without slots.")
    }
    mentions[known] += 1
    hosts[known].slots = (hosts[known].slots ?? mentions[known] - 1) + 1
  }
}
