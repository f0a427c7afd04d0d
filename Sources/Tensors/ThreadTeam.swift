import CKernels
import Foundation
import Synchronization

/// One caller and some waiting workers.
///
/// A job is published as its number, joined with the next task to take, in one word: taking a task succeeds only while
/// the job is the one that was looked at, so that a worker that comes late does no harm.
final class ThreadTeam: @unchecked Sendable {
  private typealias Body = (_ task: Int, _ place: Int) -> Void

  /// Workers that may help: those with places up to it.
  private let helpers = Atomic<Int>(0)
  /// The thread that hands out work (`pthread_self`).
  private let owner = Atomic<UInt>(0)
  /// Whether work is under way; the owner's alone.
  private var isBusy = false
  private var workerCount = 0

  /// The job's number in the upper half, the next task in the lower.
  private let state = Atomic<UInt64>(0)
  private let taskCount = Atomic<Int>(0)
  /// Where the job's body lies.
  private let body = Atomic<UInt>(0)
  private let finished = Atomic<Int>(0)

  private let sleepers = Atomic<Int>(0)
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Looks, with pauses, before a thread that waits makes room for others: about a tenth of a millisecond.
  private static let patience = 4_000
  /// The lower half of ``state`` while no task may be taken.
  private static let closed = UInt64(UInt32.max)

  init() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(wake, nil)
  }

  var count: Int { helpers.load(ordering: .relaxed) + 1 }

  func setCount(_ count: Int) {
    precondition(count > 0 && !isBusy, "\(count) threads")
    owner.store(pthread_self(), ordering: .relaxed)
    helpers.store(count - 1, ordering: .relaxed)
    while workerCount < count - 1 {
      workerCount += 1
      start(workerCount)
    }
  }

  /// Whether the calling thread may hand out work.
  @inline(__always)
  var isAvailable: Bool {
    helpers.load(ordering: .relaxed) > 0 && owner.load(ordering: .relaxed) == pthread_self() && !isBusy
  }

  /// Does all tasks of a job; the caller is available.
  func run(_ tasks: Int, _ work: (_ task: Int, _ place: Int) -> Void) {
    precondition(tasks < UInt32.max, "\(tasks) tasks")
    isBusy = true
    withoutActuallyEscaping(work) { work in
      withUnsafePointer(to: work) { pointer in
        publish(tasks, pointer)
        help(place: 0)
        waitUntil(finished.load(ordering: .acquiring) == tasks) { sched_yield() }
      }
    }
    isBusy = false
  }

  private func publish(_ tasks: Int, _ work: UnsafePointer<Body>) {
    let job = state.load(ordering: .relaxed) >> 32
    // Whoever sees one of the new values below sees the closed door too, and takes nothing by an old number.
    state.store((job + 1) << 32 | Self.closed, ordering: .relaxed)
    body.store(UInt(bitPattern: work), ordering: .releasing)
    taskCount.store(tasks, ordering: .releasing)
    finished.store(0, ordering: .relaxed)
    state.store((job + 2) << 32, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(lock)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(lock)
  }

  /// Does tasks of the job at hand until none is left to take.
  private func help(place: Int) {
    while true {
      let seen = state.load(ordering: .acquiring), task = Int(seen & Self.closed)
      // Read behind the job's number: a worker that is one too many by now stays away.
      guard task < taskCount.load(ordering: .acquiring), place <= helpers.load(ordering: .relaxed),
        let work = UnsafePointer<Body>(bitPattern: body.load(ordering: .acquiring))
      else { return }
      // Where this succeeds the job is still the one whose body and count were read.
      guard state.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing).exchanged else {
        continue
      }
      Self.perform(work, task, place)
      finished.add(1, ordering: .releasing)
    }
  }

  /// Holds the body no longer than the call lasts: the owner may end its life once the task counts as finished.
  @inline(never)
  private static func perform(_ work: UnsafePointer<Body>, _ task: Int, _ place: Int) { work.pointee(task, place) }

  // MARK: Waiting

  /// Whether there is something to take.
  private func hasWork(for place: Int) -> Bool {
    let task = Int(state.load(ordering: .sequentiallyConsistent) & Self.closed)
    return task < taskCount.load(ordering: .acquiring) && place <= helpers.load(ordering: .relaxed)
  }

  /// Looks again and again, and now and then makes room for other threads.
  @inline(__always)
  private func waitUntil(_ isReached: @autoclosure () -> Bool, makeRoom: () -> Void) {
    var looks = 0
    while !isReached() {
      looks += 1
      ck_pause()
      guard looks > Self.patience else { continue }
      makeRoom()
      looks = 0
    }
  }

  private func start(_ place: Int) {
    let thread = Thread { [self] in
      while true {
        waitUntil(hasWork(for: place)) { sleep(place) }
        help(place: place)
      }
    }
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Waits to be woken for a job.
  private func sleep(_ place: Int) {
    pthread_mutex_lock(lock)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    if !hasWork(for: place) { pthread_cond_wait(wake, lock) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(lock)
  }
}
