import Foundation

/// What can be wrong with a model folder's contents.
public enum BackboneError: Error, CustomStringConvertible, Equatable {
  case configuration(file: String, String)
  case unsupportedFamily(file: String, found: String)
  case missingTensors(file: String, names: [String])
  case wrongShape(file: String, name: String, found: [Int], expected: [Int])

  /// The model types that can be loaded.
  public static var supportedFamilies: [String] { BackboneFamily.names }

  public var description: String {
    switch self {
    case .configuration(let file, let text): return "\(file): \(text)"
    case .unsupportedFamily(let file, let found):
      return "\(file): model_type \"\(found)\" is not supported; supported are: "
        + Self.supportedFamilies.joined(separator: ", ")
    case .missingTensors(let file, let names):
      let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
      return "\(file): \(names.count) tensor(s) that config.json asks for are missing: \(shown)"
    case .wrongShape(let file, let name, let found, let expected):
      return "\(file): tensor \(name) has shape \(found), config.json asks for \(expected)"
    }
  }
}

/// Reads keys of a config.json and says which one is wrong.
struct ConfigurationReader {
  let json: [String: Any]
  let file: String

  /// What one dimension can be: products of two, and bytes of them, fit 64 bits by far.
  static let dimensionLimit = 1 << 24

  func integer(_ key: String, upTo limit: Int = dimensionLimit) throws -> Int {
    guard let value = try optionalInteger(key, upTo: limit) else {
      throw BackboneError.configuration(file: file, "\(key) is missing")
    }
    return value
  }

  func optionalInteger(_ key: String, upTo limit: Int = dimensionLimit) throws -> Int? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let integer = value as? Int, integer > 0 else {
      throw BackboneError.configuration(file: file, "\(key) must be a positive integer, not \(value)")
    }
    guard integer <= limit else {
      throw BackboneError.configuration(file: file, "\(key) must be at most \(limit), not \(integer)")
    }
    return integer
  }

  func number(_ key: String, default fallback: @autoclosure () throws -> Double) throws -> Double {
    try optionalNumber(key) ?? fallback()
  }

  func number(_ key: String) throws -> Double {
    guard let value = try optionalNumber(key) else {
      throw BackboneError.configuration(file: file, "\(key) is missing")
    }
    return value
  }

  func optionalNumber(_ key: String) throws -> Double? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let number = value as? Double, number > 0 else {
      throw BackboneError.configuration(file: file, "\(key) must be a positive number, not \(value)")
    }
    return number
  }

  /// A number that null switches off.
  ///
  /// - Parameter fallback: What a missing key stands for.
  func switchableNumber(_ key: String, default fallback: Double?) throws -> Double? {
    json[key] == nil ? fallback : try optionalNumber(key)
  }

  func boolean(_ key: String, default fallback: Bool) throws -> Bool {
    guard let value = json[key], !(value is NSNull) else { return fallback }
    guard let boolean = value as? Bool else {
      throw BackboneError.configuration(file: file, "\(key) must be true or false, not \(value)")
    }
    return boolean
  }

  /// The text of a key, one of those that are supported.
  func require(_ key: String, oneOf allowed: [String], default fallback: String) throws -> String {
    let value = json[key].flatMap { $0 is NSNull ? nil : "\($0)" } ?? fallback
    guard allowed.contains(value) else {
      throw BackboneError.configuration(
        file: file, "\(key) \"\(value)\" is not supported; supported: \(allowed.joined(separator: ", "))")
    }
    return value
  }

  /// A text; nil if there is none.
  func optionalText(_ key: String) throws -> String? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let text = value as? String else {
      throw BackboneError.configuration(file: file, "\(key) must be a text, not \(value)")
    }
    return text
  }

  /// A list of texts; nil if there is none.
  func optionalTexts(_ key: String) throws -> [String]? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let texts = value as? [String] else {
      throw BackboneError.configuration(file: file, "\(key) must be a list of texts, not \(value)")
    }
    return texts
  }

  /// The keys of an object within; nil if there is none.
  func object(_ key: String) throws -> ConfigurationReader? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let object = value as? [String: Any] else {
      throw BackboneError.configuration(file: file, "\(key) must be an object, not \(value)")
    }
    return with(object)
  }

  /// Other keys of the same file.
  func with(_ json: [String: Any]) -> ConfigurationReader { ConfigurationReader(json: json, file: file) }

  func refuse(_ key: String) throws {
    if try boolean(key, default: false) {
      throw BackboneError.configuration(file: file, "\(key) is not supported; it must be false")
    }
  }
}
