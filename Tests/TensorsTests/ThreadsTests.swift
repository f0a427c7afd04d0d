import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

/// Every task once, at a place of its own, whatever the number of threads and the length of the work.
struct ThreadsTests {
  /// Counters that several threads may touch.
  private final class Counts: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

    /// Returns what it was before.
    @discardableResult
    func add(_ number: Int, at index: Int) -> Int {
      counts.withLock { counts in
        defer { counts[index] += number }
        return counts[index]
      }
    }

    var values: [Int] { counts.withLock { $0 } }
  }

  @Test(arguments: threadCounts) func everyTaskIsDoneOnceAtAFreePlace(threads: Int) {
    withThreads(threads) {
      for taskCount in [0, 1, 2, 3, 7, 64, 1000] {
        for _ in 0..<20 {
          let done = Counts(taskCount), places = Counts(threads)
          Threads.run(taskCount) { task, place in
            #expect(places.add(1, at: place) == 0, "two tasks at one place")
            done.add(1, at: task)
            places.add(-1, at: place)
          }
          #expect(done.values.allSatisfy { $0 == 1 })
        }
      }
    }
  }

  /// Short jobs behind one another, some after a pause in which workers fall asleep.
  @Test func noTaskOfManyShortJobsIsLostOrDoneLate() {
    withThreads(3) {
      for job in 0..<20_000 {
        let count = 2 + job % 5
        let numbers = Threads.map(count) { $0 * job }
        #expect(numbers == (0..<count).map { $0 * job })
        if job % 4000 == 0 { usleep(20_000) }
      }
    }
  }

  @Test func fewerThreadsUseFewerPlaces() {
    for threads in [5, 2, 4, 1, 3] {
      withThreads(threads) {
        #expect(Threads.count == threads)
        for _ in 0..<200 { Threads.run(20) { _, place in #expect(place < threads) } }
      }
    }
  }

  @Test func blocksCoverEverythingOnce() {
    for threads in threadCounts {
      withThreads(threads) {
        for (count, size) in [(0, 3), (1, 3), (3, 3), (4, 3), (1000, 7), (64, 64)] {
          let seen = Counts(max(count, 1))
          Threads.blocks(of: count, size: size) { range in
            #expect(!range.isEmpty && (range.count <= size || range == 0..<count))
            for index in range { seen.add(1, at: index) }
          }
          #expect(seen.values == Array(repeating: count > 0 ? 1 : 0, count: max(count, 1)))
        }
      }
    }
  }

  /// Work within work is done by whoever asks for it.
  @Test func workWithinWorkIsDoneOnTheSpot() {
    withThreads(3) {
      let sums = Threads.map(8) { task in
        let own = pthread_self()
        return Threads.map(5) { inner in
          #expect(pthread_self() == own)
          return task * inner
        }.reduce(0, +)
      }
      #expect(sums == (0..<8).map { $0 * 10 })
    }
  }

  @Test func anotherThreadWorksAlone() {
    withThreads(3) {
      let isDone = DispatchSemaphore(value: 0)
      let thread = Thread {
        let own = pthread_self()
        Threads.run(50) { _, place in #expect(pthread_self() == own && place == 0) }
        isDone.signal()
      }
      thread.start()
      #expect(isDone.wait(timeout: .now() + 60) == .success)
    }
  }

  @Test func littleWorkIsNotHandedOut() {
    withThreads(3) {
      let own = pthread_self()
      Threads.run(100, work: 100) { _, _ in #expect(pthread_self() == own) }
    }
  }
}
