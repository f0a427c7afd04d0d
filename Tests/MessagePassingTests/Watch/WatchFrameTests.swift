import Testing

@testable import MessagePassing

struct WatchFrameTests {
  private let frames = [
    WatchFrame(kind: .hello, rank: 3, text: "secret"),
    WatchFrame(
      kind: .beat, rank: 1023,
      report: ActivityReport(kind: .evaluating, step: 1 << 40, waits: true, moves: .max)),
    WatchFrame(kind: .failure, rank: 1, code: -3, text: "Grüße, line\nline"),
    WatchFrame(kind: .end, code: 5),
  ]

  @Test func framesComeAsTheyWentHoweverTheBytesAreCut() throws {
    let bytes = frames.flatMap(\.bytes)
    for chunk in [1, 7, 33, bytes.count] {
      var received: [UInt8] = [], found: [WatchFrame] = []
      for start in stride(from: 0, to: bytes.count, by: chunk) {
        received += bytes[start..<min(start + chunk, bytes.count)]
        while let frame = try WatchFrame.take(from: &received) { found.append(frame) }
      }
      #expect(found == frames)
      #expect(received.isEmpty)
    }
  }

  @Test func aLongTextIsCut() throws {
    var bytes = WatchFrame(kind: .failure, text: String(repeating: "x", count: 100_000)).bytes
    #expect(try WatchFrame.take(from: &bytes)?.text.count == 16_384)
  }

  @Test(arguments: [
    Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0, 1], [255, 255, 255, 255],
    [32, 0, 0, 0] + [UInt8](repeating: 0, count: 32), [32, 0, 0, 0, 1, 200] + [UInt8](repeating: 0, count: 30),
  ])
  func bytesOfOtherProgramsAreRefused(bytes: [UInt8]) {
    var bytes = bytes
    #expect(throws: NotAFrame.self) { try WatchFrame.take(from: &bytes) }
  }

  @Test func aPlaceComesAsItWent() {
    var place = WatchPlace(addresses: ["10.0.0.1", "fd00::1"])
    place.port = 40_000
    #expect(WatchPlace(place.text) == place)
    #expect(WatchPlace(WatchPlace(addresses: []).text).addresses == [])
    #expect(place.secret != WatchPlace(addresses: []).secret)
  }
}

struct HostAddressTests {
  private let interfaces = [
    HostAddresses.Interface(name: "docker0", address: "172.17.0.1"),
    HostAddresses.Interface(name: "eth0", address: "fd00::7"),
    HostAddresses.Interface(name: "eth0", address: "10.1.2.3"),
    HostAddresses.Interface(name: "ib0", address: "192.168.5.9"),
  ]

  @Test(arguments: [
    ("", ["172.17.0.1", "10.1.2.3", "192.168.5.9", "fd00::7"]),
    ("ib0", ["192.168.5.9", "172.17.0.1", "10.1.2.3", "fd00::7"]),
    ("10.1.0.0/16,ib0", ["10.1.2.3", "192.168.5.9", "172.17.0.1", "fd00::7"]),
    ("eth0", ["fd00::7", "10.1.2.3", "172.17.0.1", "192.168.5.9"]),
    ("10.9.0.0/16", ["172.17.0.1", "10.1.2.3", "192.168.5.9", "fd00::7"]),
    ("10.1.2.0/33,nonsense/8,/", ["172.17.0.1", "10.1.2.3", "192.168.5.9", "fd00::7"]),
  ])
  func whatTheUserNamesComesFirst(network: String, addresses: [String]) {
    #expect(HostAddresses.reachable(interfaces, network: network) == addresses)
  }
}
