import Foundation
import Glibc
import Synchronization

/// By which names this host is known.
enum ThisHost {
  private static let known = Mutex<[String: Bool]>([:])

  /// Whether a name or address is that of this host. Each name is looked up once.
  static func isNamed(_ name: String) -> Bool {
    if let answer = known.withLock({ $0[name] }) { return answer }
    let own = ProcessInfo.processInfo.hostName
    let answer =
      ["localhost", own, own.prefix { $0 != "." }.description].contains(name) || name.hasPrefix("127.")
      || addresses(of: name).contains { isLoopback($0) || ownAddresses.contains($0) }
    known.withLock { $0[name] = answer }
    return answer
  }

  private static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }

  private static func addresses(of name: String) -> [String] {
    var hints = addrinfo(), found: UnsafeMutablePointer<addrinfo>?
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    guard getaddrinfo(name, nil, &hints, &found) == 0 else { return [] }
    defer { freeaddrinfo(found) }
    return sequence(first: found, next: { $0?.pointee.ai_next }).compactMap { entry in
      entry.flatMap { text($0.pointee.ai_addr, $0.pointee.ai_addrlen) }
    }
  }

  private static var ownAddresses: [String] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    return sequence(first: first, next: { $0?.pointee.ifa_next }).compactMap { entry in
      guard let address = entry?.pointee.ifa_addr else { return nil }
      switch CInt(address.pointee.sa_family) {
      case AF_INET: return text(address, socklen_t(MemoryLayout<sockaddr_in>.size))
      case AF_INET6: return text(address, socklen_t(MemoryLayout<sockaddr_in6>.size))
      default: return nil
      }
    }
  }

  private static func text(_ address: UnsafePointer<sockaddr>?, _ length: socklen_t) -> String? {
    var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard getnameinfo(address, length, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
