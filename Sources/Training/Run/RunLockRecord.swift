import Foundation

/// Who holds a run folder: what run.lock holds, as a JSON object.
struct RunLockRecord: Codable, Equatable, Sendable {
  let process: ProcessIdentity
  /// The scheduler's or the launcher's name of the job.
  let job: String?
  /// When the lock was taken, in UTC, by the holder's clock; for people alone.
  let when: String
  /// A random text, no other lock's.
  let token: String
  /// Raised by the holder as long as it is there.
  var beat = 0

  init(_ process: ProcessIdentity, job: String?, now: Date = .now) {
    (self.process, self.job, when) = (process, job, now.formatted(.iso8601))
    token = UUID().uuidString
  }

  /// What a file holds; nil if that is no such record.
  init?(_ content: Data) {
    guard let record = try? JSONDecoder().decode(RunLockRecord.self, from: content) else { return nil }
    self = record
  }

  /// The record as text, of the same length for every ``beat``.
  var content: Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let text = try? encoder.encode(self) else { preconditionFailure("a record of texts and whole numbers") }
    return text + Data(repeating: 0x20, count: 20 - String(beat).count) + Data("\n".utf8)
  }

  /// The holder as errors name it.
  var holder: String { "process \(process.pid) on \(process.host)" + (job.map { " (job \($0))" } ?? "") }

  /// The name that Slurm, or else Open MPI, gives the job of a process with these environment variables.
  static func job(of environment: [String: String]) -> String? {
    ["SLURM_JOB_ID", "PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"].compactMap { environment[$0] }.first
  }
}

/// The process's members stand among the others.
extension RunLockRecord {
  private enum CodingKeys: CodingKey {
    case job, when, token, beat
  }

  init(from decoder: any Decoder) throws {
    process = try ProcessIdentity(from: decoder)
    let members = try decoder.container(keyedBy: CodingKeys.self)
    job = try members.decodeIfPresent(String.self, forKey: .job)
    when = try members.decode(String.self, forKey: .when)
    token = try members.decode(String.self, forKey: .token)
    beat = try members.decode(Int.self, forKey: .beat)
  }

  func encode(to encoder: any Encoder) throws {
    try process.encode(to: encoder)
    var members = encoder.container(keyedBy: CodingKeys.self)
    try members.encodeIfPresent(job, forKey: .job)
    try members.encode(when, forKey: .when)
    try members.encode(token, forKey: .token)
    try members.encode(beat, forKey: .beat)
  }
}
