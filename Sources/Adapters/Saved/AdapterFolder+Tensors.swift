import Checkpoints
import Foundation

extension AdapterFolder {
  /// Writes adapter_config.json and adapter_model.safetensors into an existing folder, and reads the numbers again.
  ///
  /// - Throws: An error of a file.
  static func write(
    _ tensors: [SafetensorsWriter.ArrayTensor], _ configuration: AdapterConfiguration, storesInputsFirst: Bool,
    into folder: URL
  ) throws {
    let file = folder.appending(path: weightsName)
    try SafetensorsWriter.write(to: file, arrays: tensors)
    try SafetensorsWriter.verify(file, arrays: tensors)
    try write(configuration, storesInputsFirst: storesInputsFirst, into: folder)
  }
}

extension SavedAdapter {
  /// Writes it as PEFT's folder, which must exist.
  ///
  /// - Throws: An error of a file.
  public func write(into folder: URL) throws {
    try AdapterFolder.write(
      tensors.map { ($0.name, $0.shape, $0.values) }, configuration, storesInputsFirst: storesInputsFirst, into: folder)
  }
}
