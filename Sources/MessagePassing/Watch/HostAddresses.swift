import Glibc

/// The addresses by which other hosts may reach this one.
enum HostAddresses {
  struct Interface: Equatable {
    let name: String
    let address: String
  }

  /// Numeric addresses, the likeliest first: those that `network` names, then IPv4, then IPv6.
  ///
  /// - Parameter network: Interfaces or subnets as POLYAD_NETWORK has them, such as `eth0` or `10.0.0.0/24,eth1`.
  static func reachable(_ interfaces: [Interface] = interfaces, network: String) -> [String] {
    let wanted = network.split(separator: ",").map(String.init)
    func weight(_ interface: Interface) -> Int {
      if wanted.contains(where: { matches(interface, $0) }) { return 0 }
      return interface.address.contains(":") ? 2 : 1
    }
    return interfaces.enumerated().sorted { (weight($0.element), $0.offset) < (weight($1.element), $1.offset) }
      .map(\.element.address)
  }

  /// Whether an interface is called so, or its IPv4 address lies in the subnet.
  private static func matches(_ interface: Interface, _ wanted: String) -> Bool {
    if wanted == interface.name { return true }
    let parts = wanted.split(separator: "/")
    guard parts.count == 2, let bits = UInt32(parts[1]), bits <= 32, let network = number(String(parts[0])),
      let own = number(interface.address)
    else { return false }
    return bits == 0 || network >> (32 - bits) == own >> (32 - bits)
  }

  private static func number(_ address: String) -> UInt32? {
    var result = in_addr()
    return inet_pton(AF_INET, address, &result) == 1 ? UInt32(bigEndian: result.s_addr) : nil
  }

  /// What is up and reaches further than this host.
  static var interfaces: [Interface] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0, let first else { return [] }
    defer { freeifaddrs(first) }
    var result: [Interface] = []
    for entry in sequence(first: first, next: { $0.pointee.ifa_next }) {
      let flags = entry.pointee.ifa_flags
      guard let address = entry.pointee.ifa_addr, flags & UInt32(IFF_UP) != 0,
        flags & UInt32(IFF_LOOPBACK) == 0, let text = text(of: address)
      else { continue }
      result.append(Interface(name: String(cString: entry.pointee.ifa_name), address: text))
    }
    return result
  }

  /// The number form; nil for other families, and for addresses that mean nothing without an interface.
  private static func text(of address: UnsafeMutablePointer<sockaddr>) -> String? {
    let family = CInt(address.pointee.sa_family)
    guard family == AF_INET || family == AF_INET6 else { return nil }
    let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
    var buffer = [CChar](repeating: 0, count: 64)
    let code = getnameinfo(address, socklen_t(size), &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
    guard code == 0 else { return nil }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.contains("%") ? nil : text
  }
}
