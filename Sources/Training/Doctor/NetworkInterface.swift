import Glibc

/// An interface by which other hosts may be reached: it is up and has an IPv4 address.
public struct NetworkInterface: Codable, Sendable, Equatable {
  public var name: String
  public var address: String
  /// Bits of the address that name its subnet.
  public var subnetBits: Int
  /// The speed that the hardware, or who imitates it, tells in Mbit/s; nil where it tells none.
  public var speed: Int?
  /// The driver, such as "mlx5_core" or, of networks within a host, "bridge".
  public var driver: String

  /// The subnet as POLYAD_NETWORK takes it, such as "10.0.0.0/24".
  public var subnet: String {
    let number = Self.number(address).map { subnetBits == 0 ? 0 : $0 & (UInt32.max << UInt32(32 - subnetBits)) } ?? 0
    return stride(from: 24, through: 0, by: -8).map { "\(number >> UInt32($0) & 255)" }.joined(separator: ".")
      + "/\(subnetBits)"
  }

  /// Whether a list such as "eth0,10.0.0.0/24" names it; an empty list names all.
  public func isNamed(in list: String) -> Bool {
    let wanted = list.split(separator: ",").map(String.init)
    return wanted.isEmpty || wanted.contains { $0 == name || isWithin($0) }
  }

  private func isWithin(_ subnet: String) -> Bool {
    let parts = subnet.split(separator: "/")
    guard parts.count == 2, let bits = UInt32(parts[1]), bits <= 32, let network = Self.number(String(parts[0])),
      let own = Self.number(address)
    else { return false }
    return bits == 0 || network >> (32 - bits) == own >> (32 - bits)
  }

  private static func number(_ address: String) -> UInt32? {
    var result = in_addr()
    return inet_pton(AF_INET, address, &result) == 1 ? UInt32(bigEndian: result.s_addr) : nil
  }

  // MARK: This host's

  /// Those of this host.
  static var all: [NetworkInterface] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0, let first else { return [] }
    defer { freeifaddrs(first) }
    let socket = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
    defer { close(socket) }
    return sequence(first: first, next: { $0.pointee.ifa_next }).compactMap { entry in
      let flags = entry.pointee.ifa_flags
      guard let address = number(entry.pointee.ifa_addr), let mask = number(entry.pointee.ifa_netmask),
        flags & UInt32(IFF_UP) != 0, flags & UInt32(IFF_LOOPBACK) == 0
      else { return nil }
      let name = String(cString: entry.pointee.ifa_name)
      let text = stride(from: 24, through: 0, by: -8).map { "\(address >> UInt32($0) & 255)" }.joined(separator: ".")
      return NetworkInterface(
        name: name, address: text, subnetBits: mask.nonzeroBitCount, speed: speed(name, socket),
        driver: driver(name, socket))
    }
  }

  private static func number(_ address: UnsafeMutablePointer<sockaddr>?) -> UInt32? {
    guard let address, CInt(address.pointee.sa_family) == AF_INET else { return nil }
    return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
    }
  }

  /// Asks the driver, which /sys may not show for a network of a container's own: ETHTOOL_GSET of linux/ethtool.h.
  private static func speed(_ name: String, _ socket: CInt) -> Int? {
    guard let answer = ask(name, socket, command: 1, size: 44) else { return nil }
    // The lower half of the speed stands at byte 12, the upper at 28; all ones and zero: unknown.
    let number = UInt32(answer[12]) | UInt32(answer[13]) << 8 | UInt32(answer[28]) << 16 | UInt32(answer[29]) << 24
    return [0, 0xFFFF, .max].contains(number) ? nil : Int(number)
  }

  /// ETHTOOL_GDRVINFO: the driver's name stands at bytes 4 to 35.
  private static func driver(_ name: String, _ socket: CInt) -> String {
    let answer = ask(name, socket, command: 3, size: 196) ?? []
    return String(decoding: answer.dropFirst(4).prefix(32).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// SIOCETHTOOL, with a request that begins with its command's number.
  private static func ask(_ name: String, _ socket: CInt, command: UInt32, size: Int) -> [UInt8]? {
    var data = [UInt8](repeating: 0, count: size)
    withUnsafeBytes(of: command.littleEndian) { data.replaceSubrange(0..<4, with: $0) }
    let isDone = data.withUnsafeMutableBytes { bytes in
      // An ifreq: sixteen bytes of name, then a pointer, in forty bytes.
      var request = [UInt8](name.utf8.prefix(15)) + [UInt8](repeating: 0, count: 40 - min(15, name.utf8.count))
      withUnsafeBytes(of: UInt(bitPattern: bytes.baseAddress)) { request.replaceSubrange(16..<24, with: $0) }
      return request.withUnsafeMutableBytes { ioctl(socket, 0x8946, $0.baseAddress!) == 0 }
    }
    return isDone ? data : nil
  }
}
