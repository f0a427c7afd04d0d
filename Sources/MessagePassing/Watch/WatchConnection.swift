import Glibc

/// A TCP connection between the watches of two ranks. Nothing here ever blocks; the methods are one thread's.
final class WatchConnection {
  let descriptor: CInt
  private(set) var isOpen = true
  private var received: [UInt8] = []
  private var unsent: [UInt8] = []

  /// Takes over a connected socket.
  init(_ descriptor: CInt) {
    self.descriptor = descriptor
    WatchSocket.makeReady(descriptor)
  }

  deinit { Glibc.close(descriptor) }

  /// Sends a frame. A sign of life is left out while older bytes wait: the next one says more.
  func send(_ frame: WatchFrame) {
    guard isOpen, unsent.isEmpty || frame.kind != .beat else { return }
    unsent += frame.bytes
    flush()
  }

  /// Sends what could not be sent before.
  func flush() {
    while isOpen, !unsent.isEmpty {
      let count = Glibc.send(descriptor, unsent, unsent.count, CInt(MSG_NOSIGNAL))
      if count > 0 {
        unsent.removeFirst(count)
      } else if errno == EAGAIN {
        return
      } else if errno != EINTR {
        isOpen = false
      }
    }
  }

  /// The frames that have come; afterwards ``isOpen`` tells whether more can.
  func receive() -> [WatchFrame] {
    var chunk = [UInt8](repeating: 0, count: 4096)
    while isOpen {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count > 0 {
        received += chunk.prefix(count)
      } else if count == 0 {
        isOpen = false
      } else if errno == EAGAIN {
        break
      } else if errno != EINTR {
        isOpen = false
      }
    }
    var frames: [WatchFrame] = []
    do {
      while let frame = try WatchFrame.take(from: &received) { frames.append(frame) }
    } catch {
      isOpen = false
    }
    return frames
  }
}

/// What the watch asks of the system's sockets.
enum WatchSocket {
  /// A socket that listens on all of this host's addresses, and its port; nil where there is no network at all.
  static func listen(backlog: Int) -> (descriptor: CInt, port: UInt16)? {
    for family in [AF_INET6, AF_INET] {
      let descriptor = socket(family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { continue }
      if family == AF_INET6 { setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
      if bind(descriptor, family), Glibc.listen(descriptor, CInt(backlog)) == 0, let port = port(of: descriptor) {
        setNonBlocking(descriptor)
        return (descriptor, port)
      }
      Glibc.close(descriptor)
    }
    return nil
  }

  /// Connects to one of the addresses, in their order; nil if none answers within `seconds` each.
  static func connect(to addresses: [String], port: UInt16, seconds: Double) -> CInt? {
    for address in addresses {
      if let descriptor = connect(to: address, port: port, seconds: seconds) { return descriptor }
    }
    return nil
  }

  static func accept(from listener: CInt) -> CInt? {
    let descriptor = Glibc.accept(listener, nil, nil)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  /// Waits until one of the descriptors can be read, at most `seconds`.
  static func wait(for descriptors: [CInt], seconds: Double) {
    var polls = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    _ = poll(&polls, nfds_t(polls.count), CInt((seconds * 1000).rounded(.up)))
  }

  fileprivate static func makeReady(_ descriptor: CInt) {
    setNonBlocking(descriptor)
    setOption(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  private static func connect(to address: String, port: UInt16, seconds: Double) -> CInt? {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address, "\(port)", &hints, &found) == 0, let found else { return nil }
    defer { freeaddrinfo(found) }
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(found.pointee.ai_family, type, 0)
    guard descriptor >= 0 else { return nil }
    setNonBlocking(descriptor)
    if Glibc.connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 { return descriptor }
    if errno == EINPROGRESS {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      var fault: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      if poll(&waiting, 1, CInt(seconds * 1000)) == 1,
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size) == 0, fault == 0
      {
        return descriptor
      }
    }
    Glibc.close(descriptor)
    return nil
  }

  private static func bind(_ descriptor: CInt, _ family: CInt) -> Bool {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST
    hints.ai_family = family
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(family == AF_INET6 ? "::" : "0.0.0.0", "0", &hints, &found) == 0, let found else { return false }
    defer { freeaddrinfo(found) }
    return Glibc.bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0
  }

  private static func port(of descriptor: CInt) -> UInt16? {
    var address = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        guard getsockname(descriptor, name, &size) == 0 else { return nil }
        // The port is in the same place of both families' addresses.
        return name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
      }
    }
  }

  private static func setNonBlocking(_ descriptor: CInt) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  private static func setOption(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
  }
}
