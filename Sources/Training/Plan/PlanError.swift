import Foundation

/// What stops a plan.
public enum PlanError: Error, CustomStringConvertible, Equatable {
  case badNetwork(String)
  case unreadableProfile(path: String, reason: String)
  case unwritableProfile(path: String, reason: String)
  case otherMachine(path: String, machine: String)
  case unknownShape(String, known: [String])
  case tooManyRanks(ranks: Int, parts: Int, sequences: Int)

  public var description: String {
    switch self {
    case .badNetwork(let text):
      "--network is \"\(text)\": give a speed from 1kbit to 100Tbit and a delay from 10ns to 1s, such as 25Gbit,2us"
    case .unreadableProfile(let path, let reason):
      "\(path) is no profile of a machine: \(reason). Remove it, and it is measured anew"
    case .unwritableProfile(let path, let reason):
      "the profile of this machine cannot be written to \(path): \(reason). Name another file by POLYAD_PROFILE"
    case .otherMachine(let path, let machine):
      "\(path) holds what another machine does (\(machine)): name another file by POLYAD_PROFILE, or remove it"
    case .unknownShape(let name, let known):
      "there is no preset \(name); known are \(known.joined(separator: ", "))"
    case .tooManyRanks(let ranks, let parts, let sequences):
      "\(ranks) ranks are more than the \(parts) parts of a batch: lower --nodes or --ranks-per-node, or set "
        + (sequences >= ranks
          ? "micro_batches to \(ranks) or more"
          : "micro_batches and train_batch_size, of which a rank needs a sequence at least, to \(ranks) or more")
    }
  }
}

extension Double {
  /// The logarithm by 2.
  var logarithm2: Double { Foundation.log2(self) }
}
