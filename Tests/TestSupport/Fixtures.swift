import Foundation
import Testing

/// Golden numbers of reference implementations: the large set under `../shared/fixtures` where that is, else the set
/// under `Tests/Fixtures`, which has something of every kind (its README says what).
public enum Fixtures {
  /// The project's own set.
  public static let own = SharedFolder.packageRoot.appending(path: "Tests/Fixtures")

  /// The set in use.
  public static let root = SharedFolder.isPresent ? SharedFolder.url.appending(path: "fixtures") : own

  /// Whether the set in use has all arrays and rows; the project's own leaves large ones out.
  public static var isWhole: Bool { root != own }

  /// A file or folder of the set in use.
  ///
  /// - Throws: What skips the test, or the case of it, where the set does not have it.
  public static func url(_ path: String) throws -> URL { try require(root.appending(path: path)) }

  /// The given file or folder of the set in use.
  ///
  /// - Throws: As ``url(_:)``.
  public static func require(_ url: URL) throws -> URL {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw FixtureMissing.skip(String(url.path.dropFirst(root.path.count + 1)))
    }
    return url
  }
}

/// A fixture that only the large set has.
public struct FixtureMissing: Error, CustomStringConvertible {
  public let description: String

  /// Skips the test under way and says why.
  static func skip(_ path: String) -> any Error {
    let text = "needs ../shared/fixtures/\(path), which is not among Tests/Fixtures"
    #if compiler(>=6.3)
      do { try Test.cancel(Comment(rawValue: text)) } catch { return error }
    #else
      return FixtureMissing(description: text)
    #endif
  }
}
