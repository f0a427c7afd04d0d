import Glibc
import Synchronization

/// Notices when a rank of the job is lost, on a thread of its own, and ends the job then on all ranks.
///
/// Every rank keeps a TCP connection to rank 0 and gives it signs of life, whatever its other threads do, so that slow
/// work is told apart from a stopped process, a dead host or a dead network, and ranks that sit inside MPI end too.
/// Rank 0 answers, so that the others notice its own end. Over the same connections ranks tell of their errors: rank 0
/// says each once and ends the job.
public final class Watch: Sendable {
  /// What the job's ends has to do with it.
  struct Failure: Sendable, Equatable {
    let code: Int32
    let text: String
  }

  private static let shared = Mutex<Watch?>(nil)

  /// This process's watch; nil before ``start(over:_:network:isStopping:)``, and for a rank alone.
  public static var current: Watch? { shared.withLock { $0 } }

  /// The `hang_timeout` of a job that does not say otherwise, in seconds.
  public static let defaultTimeout = 30.0

  let job: Job
  private let seconds = Mutex(defaultTimeout)
  private let failure = Mutex<Failure?>(nil)
  private let record = Mutex<(@Sendable (String) -> Void)?>(nil)
  private let isDone = Atomic<Bool>(false)
  private let isTold = Atomic<Bool>(false)
  /// A pipe: what is written into its second end wakes the thread that waits for its first.
  private let pipe: (read: CInt, write: CInt)

  private let isStopping: @Sendable () -> Bool

  private init(_ job: Job, _ isStopping: @escaping @Sendable () -> Bool) {
    (self.job, self.isStopping) = (job, isStopping)
    var ends: [CInt] = [-1, -1]
    _ = Glibc.pipe(&ends)
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    pipe = (ends[0], ends[1])
  }

  /// Starts to watch a job of several ranks. Collective.
  ///
  /// A rank that does not reach rank 0 by TCP is not watched; rank 0 says so.
  ///
  /// - Parameters:
  ///   - network: Interfaces or subnets that connect the hosts; empty: any.
  ///   - isStopping: Whether a signal has asked this rank to stop. Called from another thread.
  public static func start(
    over world: Communicator, _ job: Job, network: String, isStopping: @escaping @Sendable () -> Bool = { false }
  ) throws(MPIError) {
    guard world.size > 1, current == nil else { return }
    let hosts = try world.allGatherV(Array(job.host.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let watch = Watch(job, isStopping)
    var place = WatchPlace(addresses: HostAddresses.reachable(network: network))
    if world.rank == 0, let server = WatchServer(watch, hosts: hosts, secret: place.secret) {
      place.port = server.port
      WatchThread.start { server.run() }
    }
    place = WatchPlace(try world.broadcast(place.text))
    var isWatched = world.rank == 0
    if let client = WatchClient(watch, of: hosts, at: place) {
      WatchThread.start { client.run() }
      isWatched = true
    }
    if isWatched { shared.withLock { $0 = watch } }
    let unwatched = try world.allGather(isWatched ? Int32(1) : 0).indices(of: 0)
    if world.rank == 0, let rank = unwatched.ranges.first?.lowerBound {
      watch.say([
        "\(unwatched.ranges.reduce(0) { $0 + $1.count }) rank(s), such as rank \(rank) on \(hosts[rank]), do not reach "
          + "rank 0 on \(hosts[0]) by TCP (\(place.addresses.joined(separator: ", "))): if they are lost the job may "
          + "hang. POLYAD_NETWORK names the interfaces or subnets to use"
      ])
    }
  }

  /// Seconds without a sign of life after which the job ends; infinite: never.
  public var timeout: Double {
    get { seconds.withLock { $0 } }
    set { seconds.withLock { $0 = newValue } }
  }

  /// Also hands what rank 0 says of the ranks to `record`, such as a run's log. Called from threads of its own: a file
  /// system that stalls must not silence the watch.
  public func setRecord(_ record: (@Sendable (String) -> Void)?) { self.record.withLock { $0 = record } }

  /// This rank's work is done: its connection may close. To be called before MPI is finalized; waits for a moment until
  /// rank 0 has been told.
  func finish() {
    isDone.store(true, ordering: .relaxed)
    notify()
    for _ in 0..<100 where job.rank > 0 && !isTold.load(ordering: .relaxed) { usleep(10_000) }
  }

  /// Rank 0 has been told that this rank's work is done, or cannot be.
  func noteTold() { isTold.store(true, ordering: .relaxed) }

  /// Tells rank 0 of an error that must end the job, and waits until it has ended: some seconds at most, after which
  /// something must be wrong.
  func report(_ text: String, code: Int32) {
    failure.withLock { $0 = $0 ?? Failure(code: code, text: text) }
    notify()
    for _ in 0..<50 where usleep(100_000) == 0 || errno == EINTR {}
  }

  var isFinished: Bool { isDone.load(ordering: .relaxed) }

  /// This rank's error, once.
  func takeFailure() -> Failure? {
    failure.withLock { failure in
      defer { failure = nil }
      return failure
    }
  }

  /// Seconds that a rank whose process is gone has for an error that is still on its way. A launcher that ends a job
  /// sends a signal first: then it is not for the ranks that are left to speak, as long as it comes to its end.
  var grace: Double { isStopping() ? 3 : 0.4 }

  /// Seconds between two signs of life.
  var interval: Double { min(max(timeout / 10, 0.1), 1) }

  /// Says lines on standard error in one piece, and to the record.
  func say(_ lines: [String]) {
    Job.print(lines.map { "polyad: \($0)\n" }.joined())
    guard let record = record.withLock({ $0 }) else { return }
    WatchThread.start { for line in lines { record(line) } }
  }

  /// Says lines and ends the job; where standard error takes none, the job ends all the same.
  func end(_ lines: [String], code: Int32) -> Never {
    WatchThread.start {
      usleep(5_000_000)
      _exit(code)
    }
    say(lines)
    usleep(100_000)  // for the record
    job.abort(code: code)
  }

  /// Can be read once the thread has something to do.
  var wake: CInt { pipe.read }

  private func notify() {
    var byte: UInt8 = 1
    _ = write(pipe.write, &byte, 1)
  }

  /// Takes back what ``notify()`` did.
  func calm() {
    var bytes = [UInt8](repeating: 0, count: 16)
    _ = read(pipe.read, &bytes, bytes.count)
  }

  /// Seconds on a clock that never goes back.
  static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Where rank 0's watch listens, as it is told to the others.
struct WatchPlace: Equatable {
  var addresses: [String]
  var port: UInt16 = 0
  /// What proves that a connection is the job's.
  var secret = String(UInt64.random(in: .min ... .max), radix: 36)

  init(addresses: [String]) { self.addresses = addresses }

  init(_ text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    addresses = Array(parts.dropFirst(2)).filter { !$0.isEmpty }
    port = UInt16(parts[0]) ?? 0
    if parts.count > 1 { secret = parts[1] }
  }

  var text: String { (["\(port)", secret] + addresses).joined(separator: " ") }
}

/// A thread that nobody waits for, and that handles no signal meant for the process.
enum WatchThread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  static func start(_ body: sending @escaping () -> Void) {
    var signals = sigset_t(), before = sigset_t()
    sigemptyset(&signals)
    for name in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM, SIGPIPE] { sigaddset(&signals, name) }
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { pointer in
        Unmanaged<Body>.fromOpaque(pointer!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(Body(body)).toOpaque())
    if code == 0 { pthread_detach(thread) }
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }
}
