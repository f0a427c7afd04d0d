import Foundation

/// A model's weights under one name space: one `model.safetensors`, or the shards that an index lists.
public final class WeightFiles: TensorSource, Sendable {
  public let names: [String]
  public let path: String
  /// The opened files, in ascending order of their names.
  public let files: [SafetensorsFile]

  private let fileOfTensor: [String: SafetensorsFile]

  /// Opens the weights of a model folder.
  ///
  /// - Throws: ``ModelFolderError``, ``SafetensorsError``, ``FileError``.
  public convenience init(in folder: URL) throws {
    let single = folder.appending(path: "model.safetensors")
    let index = folder.appending(path: "model.safetensors.index.json")
    if FileSystem.isFile(single) {
      let file = try SafetensorsFile(single)
      let fileOfTensor = Dictionary(uniqueKeysWithValues: file.names.map { ($0, file) })
      self.init(path: single.path, files: [file], fileOfTensor)
    } else if FileSystem.isFile(index) {
      try self.init(index: index)
    } else {
      let others = try FileSystem.names(in: folder).filter {
        $0.hasSuffix(".safetensors") || $0.hasSuffix(".bin") || $0.hasSuffix(".h5") || $0.hasSuffix(".msgpack")
      }
      throw ModelFolderError.missingWeights(folder: folder.path, others: others)
    }
  }

  /// Opens the shards of `model.safetensors.index.json`, and checks that each holds what the index says.
  private convenience init(index: URL) throws {
    let shardOfTensor = try Self.readIndex(index)
    let tensorsOfShard = Dictionary(grouping: shardOfTensor.keys) { shardOfTensor[$0] ?? "" }
    var files: [SafetensorsFile] = []
    var fileOfTensor: [String: SafetensorsFile] = [:]
    for (shard, tensors) in tensorsOfShard.sorted(by: { utf8Order($0.key, $1.key) }) {
      let url = index.deletingLastPathComponent().appending(path: shard)
      guard !shard.contains("/"), FileSystem.isFile(url) else {
        throw ModelFolderError.missingShard(index: index.path, shard: shard, tensorCount: tensors.count)
      }
      let file = try SafetensorsFile(url)
      for tensor in tensors.sorted(by: utf8Order) {
        guard file.contains(tensor) else {
          throw ModelFolderError.tensorNotInShard(index: index.path, tensor: tensor, shard: shard)
        }
        fileOfTensor[tensor] = file
      }
      files.append(file)
    }
    self.init(path: index.path, files: files, fileOfTensor)
  }

  private init(path: String, files: [SafetensorsFile], _ fileOfTensor: [String: SafetensorsFile]) {
    self.path = path
    self.files = files
    self.fileOfTensor = fileOfTensor
    names = fileOfTensor.keys.sorted(by: utf8Order)
  }

  /// The index's `weight_map`: the shard of each tensor.
  private static func readIndex(_ index: URL) throws -> [String: String] {
    guard let object = try? JSONSerialization.jsonObject(with: FileSystem.read(index)) as? [String: Any] else {
      throw ModelFolderError.unreadableIndex(file: index.path, reason: "not a JSON object")
    }
    guard let map = object["weight_map"] as? [String: String], !map.isEmpty else {
      throw ModelFolderError.unreadableIndex(file: index.path, reason: "no tensor names under the key weight_map")
    }
    return map
  }

  public func contains(_ name: String) -> Bool { fileOfTensor[name] != nil }

  public func info(_ name: String) throws -> TensorInfo { try file(of: name).info(name) }

  public func bytes(_ name: String) throws -> UnsafeRawBufferPointer { try file(of: name).bytes(name) }

  public func floats(_ name: String) throws -> UnsafeBufferPointer<Float>? { try file(of: name).floats(name) }

  public func copyFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    try file(of: name).copyFloats(name, into: destination)
  }

  private func file(of name: String) throws -> SafetensorsFile {
    guard let file = fileOfTensor[name] else {
      throw SafetensorsError.missingTensor(file: path, tensor: name, count: names.count)
    }
    return file
  }
}

extension WeightFiles {
  /// The files of a folder's weights: the one, or the index and its shards; none where there are no weights, or an index
  /// cannot be read.
  public static func urls(in folder: URL) -> [URL] {
    let single = folder.appending(path: "model.safetensors")
    let index = folder.appending(path: "model.safetensors.index.json")
    if FileSystem.isFile(single) { return [single] }
    guard FileSystem.isFile(index) else { return [] }
    let shards = Set((try? readIndex(index))?.values.map { $0 } ?? []).sorted(by: utf8Order)
    return [index] + shards.map { folder.appending(path: $0) }
  }
}
