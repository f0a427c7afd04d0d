import Foundation
import MessagePassing
import Tensors

/// Whether the ranks of a job have the same of what decides its result, compared before anything depends on it.
public enum Agreement {
  /// Throws if any rank has other facts than rank 0. Collective; with one rank there is nothing to compare.
  ///
  /// - Throws: ``Disagreement``, the same on all ranks, or `MPIError`.
  public static func require(_ facts: @autoclosure () throws -> [Fact], _ ranks: Ranks) throws {
    guard ranks.count > 1 else { return }
    let found = try differences(facts(), ranks)
    if !found.isEmpty { throw Disagreement(differences: found) }
  }

  /// What differs between the ranks; empty if they agree. Collective.
  static func differences(_ facts: [Fact], _ ranks: Ranks) throws -> [Disagreement.Difference] {
    let compared = facts.map { "\($0.kind.rawValue)\u{1F}\($0.name)\u{1F}\($0.value)" }.joined(separator: "\u{1E}")
    let digests = try ranks.world.allGather(Int64(bitPattern: Checksum.of(compared)))
    guard digests.contains(where: { $0 != digests[0] }) else { return [] }
    // Only now does it matter what they are.
    let own = Array(try JSONEncoder().encode(RankFacts(host: ranks.job.host, facts: facts)))
    let all = try ranks.world.allGatherV(own).map { try JSONDecoder().decode(RankFacts.self, from: Data($0)) }
    return differences(among: all)
  }

  /// What the ranks, in their order, have otherwise than the first of them.
  static func differences(among ranks: [RankFacts]) -> [Disagreement.Difference] {
    let hosts = ranks.map(\.host)
    return differences(among: ranks.map(\.facts), reference: "rank 0 on \(hosts[0])").map {
      Disagreement.Difference(kind: $0.kind, description: "\(RankPlaces($0.members, hosts: hosts)): \($0.text)")
    }
  }

  /// Members that have one thing otherwise than the first.
  struct Group {
    let kind: Fact.Kind
    let members: [Int]
    /// What they have, and what the first has.
    let text: String
  }

  /// What members have otherwise than the first.
  ///
  /// - Parameter reference: What texts call the first.
  static func differences(among members: [[Fact]], reference: String) -> [Group] {
    let tables = members.map { Dictionary($0.map { (Key($0), $0) }) { first, _ in first } }
    var keys: [Key] = [], known: Set<Key> = []
    for key in members.lazy.flatMap(\.self).map(Key.init) where known.insert(key).inserted { keys.append(key) }
    return keys.flatMap { key -> [Group] in
      let values = tables.map { $0[key] }
      let others = values.indices.filter { values[$0]?.value != values[0]?.value }
      var groups: [[Int]] = []
      for member in others {
        if let group = groups.firstIndex(where: { values[$0[0]]?.value == values[member]?.value }) {
          groups[group].append(member)
        } else {
          groups.append([member])
        }
      }
      return groups.map {
        Group(kind: key.kind, members: $0, text: line(key.name, values[$0[0]], values[0], reference: reference))
      }
    }
  }

  private struct Key: Hashable {
    let kind: Fact.Kind
    let name: String

    init(_ fact: Fact) { (kind, name) = (fact.kind, fact.name) }
  }

  // MARK: Words

  private static func line(_ name: String, _ fact: Fact?, _ first: Fact?, reference: String) -> String {
    if let fact, let first, fact.isList {
      let own = fact.value.split(separator: " "), theirs = first.value.split(separator: " ")
      let missing = theirs.filter { !own.contains($0) }, added = own.filter { !theirs.contains($0) }
      let parts =
        (missing.isEmpty ? [] : ["lack \(missing.joined(separator: " "))"])
        + (added.isEmpty ? [] : ["have \(added.joined(separator: " "))"])
      return "\(name) \(parts.joined(separator: " and ")), unlike those of \(reference)"
    }
    let (text, other) = excerpts(fact?.shown ?? "missing", first?.shown ?? "none")
    return "\(name) is \(text); \(reference) has \(other)"
  }

  /// Two texts, long ones cut to what is around their first difference.
  static func excerpts(_ text: String, _ other: String) -> (String, String) {
    let room = 160, before = 30
    guard max(text.count, other.count) > room else { return (text, other) }
    let common = zip(text, other).prefix { $0 == $1 }.count
    let start = max(0, min(common - before, max(text.count, other.count) - room))
    func excerpt(_ text: String) -> String {
      let part = text.dropFirst(start).prefix(room)
      return (start > 0 ? "…" : "") + part + (start + part.count < text.count ? "…" : "")
    }
    return (excerpt(text), excerpt(other))
  }
}
