import Glibc
import Testing

@testable import MessagePassing

struct WatchConnectionTests {
  /// Both ends of a connection over the loopback interface.
  private func pair() throws -> (WatchConnection, WatchConnection) {
    let (listener, port) = try #require(WatchSocket.listen(backlog: 4))
    defer { close(listener) }
    let client = try #require(WatchSocket.connect(to: ["127.0.0.1", "::1"], port: port, seconds: 2))
    WatchSocket.wait(for: [listener], seconds: 2)
    return (WatchConnection(client), WatchConnection(try #require(WatchSocket.accept(from: listener))))
  }

  @Test func framesTravelBothWays() throws {
    let (client, server) = try pair()
    client.send(WatchFrame(kind: .hello, rank: 2, text: "secret"))
    WatchSocket.wait(for: [server.descriptor], seconds: 2)
    #expect(server.receive() == [WatchFrame(kind: .hello, rank: 2, text: "secret")])
    server.send(WatchFrame(kind: .end, code: 3))
    WatchSocket.wait(for: [client.descriptor], seconds: 2)
    #expect(client.receive() == [WatchFrame(kind: .end, code: 3)])
    #expect(client.isOpen && server.isOpen)
  }

  @Test func theOthersEndIsNoticed() throws {
    let (client, server) = try pair()
    client.send(WatchFrame(kind: .done, rank: 1))
    shutdown(client.descriptor, CInt(SHUT_RDWR))
    WatchSocket.wait(for: [server.descriptor], seconds: 2)
    usleep(20_000)
    #expect(server.receive() == [WatchFrame(kind: .done, rank: 1)])
    #expect(!server.isOpen)
    server.send(WatchFrame(kind: .end))  // and nothing ends this process
  }

  @Test func bytesOfOtherProgramsCloseIt() throws {
    let (client, server) = try pair()
    let text = Array("GET / HTTP/1.1\r\n\r\n".utf8)
    #expect(send(client.descriptor, text, text.count, 0) == text.count)
    WatchSocket.wait(for: [server.descriptor], seconds: 2)
    #expect(server.receive() == [])
    #expect(!server.isOpen)
  }

  @Test func whoNeverReadsStopsNobodyAndGetsWhatMatters() throws {
    let (client, server) = try pair()
    for _ in 0..<200_000 { server.send(WatchFrame(kind: .beat)) }
    server.send(WatchFrame(kind: .end, code: 5))
    var frames: [WatchFrame] = []
    while frames.last?.kind != .end {
      WatchSocket.wait(for: [client.descriptor], seconds: 2)
      let found = client.receive()
      try #require(!found.isEmpty)
      frames += found
      server.flush()
    }
    #expect(frames.last == WatchFrame(kind: .end, code: 5))
  }

  @Test func nobodyThereIsAnAnswer() throws {
    let (listener, port) = try #require(WatchSocket.listen(backlog: 4))
    close(listener)
    #expect(WatchSocket.connect(to: ["127.0.0.1", "not an address"], port: port, seconds: 0.2) == nil)
  }
}
