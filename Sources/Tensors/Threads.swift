import Foundation
import Synchronization

/// The threads of this process that share the work of one operation.
///
/// Work is cut into tasks by its shape, and no task's result depends on who does it or when: any number of threads gives
/// the same bits. Work that a task hands out itself, or another thread than the one that set the number, is done where it
/// is asked for.
public enum Threads {
  private static let team = ThreadTeam()

  /// Threads that work together, the caller's included; 1 until set.
  public static var count: Int { team.count }

  /// Sets the number of threads, for work that the calling thread hands out.
  ///
  /// - Precondition: No work is under way.
  public static func setCount(_ count: Int) { team.setCount(count) }

  /// Does every task of 0 ..< `taskCount` once, in any order and side by side, and returns when all are done.
  ///
  /// - Parameter body: Gets the task, and a place in 0 ..< ``count`` that no other task has at the same time.
  @inline(__always)
  public static func run(_ taskCount: Int, _ body: (_ task: Int, _ place: Int) -> Void) {
    if taskCount > 1, team.isAvailable {
      team.run(taskCount, body)
    } else {
      for task in 0..<taskCount { body(task, 0) }
    }
  }

  /// Cuts 0 ..< `count` into blocks of `size`, the last one shorter, and treats each once; all at once where nobody
  /// shares the work, so the results of a block must not depend on where it is cut.
  @inline(__always)
  public static func blocks(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    guard count > size, team.isAvailable else {
      if count > 0 { body(0..<count) }
      return
    }
    team.run((count + size - 1) / size) { block, _ in body(block * size..<min((block + 1) * size, count)) }
  }
}

/// One caller and some waiting workers.
///
/// A job is published as its number, joined with the next task to take, in one word: taking a task succeeds only while
/// the job is the one that was looked at, so that a worker that comes late does no harm.
private final class ThreadTeam: @unchecked Sendable {
  typealias Body = (Int, Int) -> Void

  private(set) var count = 1
  private var owner: pthread_t?
  private var isBusy = false
  private var workerCount = 0
  /// The job's number in the upper half, the next task in the lower.
  private let state = Atomic<UInt64>(0)
  private let taskCount = Atomic<Int>(0)
  private let finished = Atomic<Int>(0)
  /// Where the job's body lies.
  private let body = Atomic<UInt>(0)
  private let helpers = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Looks at an empty queue before a worker sleeps: about a tenth of a millisecond.
  private static let patience = 20_000

  init() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(wake, nil)
  }

  func setCount(_ count: Int) {
    precondition(count > 0 && !isBusy, "\(count) threads")
    self.count = count
    owner = pthread_self()
    helpers.store(count - 1, ordering: .sequentiallyConsistent)
    while workerCount < count - 1 {
      workerCount += 1
      start(workerCount)
    }
  }

  /// Whether the calling thread may hand out work.
  @inline(__always)
  var isAvailable: Bool { count > 1 && !isBusy && owner.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

  func run(_ tasks: Int, _ work: Body) {
    isBusy = true
    defer { isBusy = false }
    withoutActuallyEscaping(work) { work in
      withUnsafePointer(to: work) { pointer in
        let job = (state.load(ordering: .relaxed) >> 32) + 1
        // No worker takes a task while the word says that there is none.
        state.store(job << 32 | UInt64(UInt32.max), ordering: .sequentiallyConsistent)
        body.store(UInt(bitPattern: pointer), ordering: .relaxed)
        taskCount.store(tasks, ordering: .relaxed)
        finished.store(0, ordering: .relaxed)
        state.store((job + 1) << 32, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
          pthread_mutex_lock(lock)
          pthread_cond_broadcast(wake)
          pthread_mutex_unlock(lock)
        }
        help(place: 0)
        var looks = 0
        while finished.load(ordering: .acquiring) < tasks {
          looks += 1
          if looks > Self.patience { sched_yield() }
        }
      }
    }
  }

  /// Does tasks of the job at hand until none is left to take.
  private func help(place: Int) {
    while true {
      let seen = state.load(ordering: .sequentiallyConsistent)
      let task = Int(seen & UInt64(UInt32.max)), tasks = taskCount.load(ordering: .relaxed)
      guard task < tasks, let work = UnsafePointer<Body>(bitPattern: body.load(ordering: .relaxed)) else { return }
      // Where this succeeds the job is still the one whose body and count were read.
      guard state.compareExchange(expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent).exchanged else {
        continue
      }
      work.pointee(task, place)
      finished.add(1, ordering: .releasing)
    }
  }

  /// Whether there is something to take.
  private var hasWork: Bool {
    Int(state.load(ordering: .sequentiallyConsistent) & UInt64(UInt32.max)) < taskCount.load(ordering: .relaxed)
  }

  private func start(_ place: Int) {
    let thread = Thread { [self] in
      while true {
        var looks = 0
        while !hasWork || place > helpers.load(ordering: .relaxed) {
          looks += 1
          if looks > Self.patience {
            sleep(place)
            looks = 0
          }
        }
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
    if !hasWork || place > helpers.load(ordering: .relaxed) { pthread_cond_wait(wake, lock) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(lock)
  }
}
