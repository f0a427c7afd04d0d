import COneDNN

/// The library oneDNN, where the machine has one that fits.
///
/// It is looked for when it is first asked for, so a program that multiplies nothing does not load it.
enum OneDNN {
  /// The instructions that it uses, each with those before it.
  enum Level: Int, Comparable {
    case baseline, avx512, avx512BF16, amxBF16

    static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// What was found: how the library calls itself and what it uses, or why there is none.
  enum Finding {
    case ready(version: String, Level)
    case missing(reason: String)
  }

  /// Why there may be none.
  enum Lack {
    case notBuilt, notInstalled, unfit
  }

  static let finding: Finding = {
    switch Int(onednn_open()) {
    case onednn_ready:
      .ready(version: String(cString: onednn_version()), Level(rawValue: Int(onednn_level())) ?? .baseline)
    case onednn_not_built: .missing(reason: reason(.notBuilt))
    case onednn_not_installed: .missing(reason: reason(.notInstalled))
    default: .missing(reason: reason(.unfit))
    }
  }()

  static func reason(_ lack: Lack) -> String {
    let file = String(cString: onednn_file())
    return switch lack {
    case .notBuilt: "this program was built without its headers (Debian's libdnnl-dev)"
    case .notInstalled: "\(file) is not installed here (Debian's libdnnl2)"
    case .unfit:
      "\(file) is not of version \(String(cString: onednn_built_version()).prefix { $0 != "." }) with OpenMP, which this "
        + "program was built for (Debian's libdnnl2)"
    }
  }

  /// nil where there is no library.
  static let level: Level? = if case .ready(_, let level) = finding { level } else { nil }
}
