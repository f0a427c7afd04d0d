import Foundation

/// An Open MPI hostfile, read as Open MPI 4.1 reads it and as `launch/lib/hostfile.sh` does.
///
/// What Open MPI itself stumbles over, a carriage return at the end of lines or a byte order mark, is left out.
struct Hostfile: Equatable {
  struct Host: Equatable {
    let name: String
    /// Whom ssh logs in as; nil: the same user.
    var user: String?
    /// The port of its sshd; nil: ssh's own.
    var port: Int?
    /// Ranks it takes; nil: as many as it has cores.
    var slots: Int?
  }

  /// The file, as it was named.
  let path: String
  /// At least one, each with a slot or more.
  let hosts: [Host]

  /// - Throws: ``HostfileError``.
  init(path: String) throws(HostfileError) {
    guard let data = FileManager.default.contents(atPath: path) else { throw .unreadable(path: path) }
    try self.init(text: String(decoding: data, as: UTF8.self), path: path)
  }

  /// - Parameters:
  ///   - text: What the file holds.
  ///   - isThisHost: Whether a name is that of the host that reads it: two such names are one host.
  /// - Throws: ``HostfileError``.
  init(
    text: String, path: String, isThisHost: (String) -> Bool = ThisHost.isNamed
  ) throws(HostfileError) {
    var reader = HostfileReader(path: path)
    // As bytes: what ends a line on other systems is one character of Swift.
    for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      try reader.read(Substring(line), isThisHost: isThisHost)
    }
    self.path = path
    guard !reader.hosts.isEmpty else { throw .noHost(path: path) }
    hosts = reader.hosts.filter { $0.slots != 0 }
    guard !hosts.isEmpty else { throw .noSlots(path: path) }
  }
}

extension Hostfile.Host {
  /// The host as every version of Open MPI reads it.
  var line: String {
    (user.map { "\($0)@" } ?? "") + name + (slots.map { " slots=\($0)" } ?? "") + (port.map { " port=\($0)" } ?? "")
  }
}

/// What is wrong with a hostfile.
enum HostfileError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String)
  case noHost(path: String)
  case noSlots(path: String)
  /// - Parameter place: The file and the line's number.
  case line(place: String, fault: String)

  var description: String {
    switch self {
    case .unreadable(let path): "no hostfile \(path); hostfiles/example shows how to write one."
    case .noHost(let path): "\(path) names no host."
    case .noSlots(let path): "\(path): every host has slots=0."
    case .line(let place, let fault): "\(place): \(fault)"
    }
  }
}
