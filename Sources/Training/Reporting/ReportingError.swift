/// Why a report cannot be written.
public enum ReportingError: Error, Equatable, CustomStringConvertible {
  /// A file of the run folder cannot be created, read or written.
  case fileFailed(path: String, action: String, reason: String)

  public var description: String {
    switch self {
    case .fileFailed(let path, let action, let reason):
      "cannot \(action) \(path): \(reason); check the folder's permissions and the free space"
    }
  }
}
