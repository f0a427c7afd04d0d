// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "polyad",
  products: [.executable(name: "polyad", targets: ["polyad"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swiftcsv/SwiftCSV", from: "0.10.0"),
  ],
  targets: [
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .target(
      name: "CKernels",
      cSettings: [.unsafeFlags(["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"])]),
    .target(name: "COneDNN"),
    .target(name: "MessagePassing", dependencies: ["COpenMPI"]),
    .target(name: "Tensors", dependencies: ["CKernels", "COneDNN", "COpenBLAS"]),
    .target(name: "JSON"),
    .target(
      name: "Checkpoints",
      dependencies: ["JSON", "MessagePassing", "Tensors", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "Tokenizers", dependencies: ["JSON"]),
    .target(name: "Backbones", dependencies: ["Checkpoints", "MessagePassing", "Tensors"]),
    .target(name: "Adapters", dependencies: ["Backbones", "Checkpoints", "Tensors"]),
    .target(
      name: "Tasks",
      dependencies: [
        "JSON", "Tensors", "Tokenizers", .product(name: "Crypto", package: "swift-crypto"), "SwiftCSV",
      ]),
    .target(
      name: "Training",
      dependencies: [
        "Adapters", "Backbones", "Checkpoints", "JSON", "MessagePassing", "Tasks", "Tensors", "Tokenizers",
        "Yams",
      ],
      resources: [.copy("Resources/tiny")]),
    .executableTarget(
      name: "polyad",
      dependencies: ["JSON", "Training", .product(name: "ArgumentParser", package: "swift-argument-parser")]),

    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport"),
    .target(
      name: "ModelTestSupport",
      dependencies: ["Adapters", "Backbones", "Checkpoints", "Tasks", "Tensors", "TestSupport", "Training"],
      path: "Tests/ModelTestSupport"),
    .testTarget(name: "MessagePassingTests", dependencies: ["MessagePassing", "TestSupport"]),
    .testTarget(name: "TensorsTests", dependencies: ["CKernels", "Tensors", "TestSupport"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "MessagePassing", "Tensors", "TestSupport"]),
    .testTarget(name: "TokenizersTests", dependencies: ["JSON", "Tokenizers", "TestSupport"]),
    .testTarget(
      name: "BackbonesTests",
      dependencies: ["Adapters", "Backbones", "Checkpoints", "ModelTestSupport", "Tensors", "TestSupport", "Training"]),
    .testTarget(
      name: "AdaptersTests",
      dependencies: ["Adapters", "Backbones", "Checkpoints", "ModelTestSupport", "Tensors", "TestSupport", "Training"]),
    .testTarget(name: "TasksTests", dependencies: ["Tasks", "Tensors", "TestSupport"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Adapters", "Backbones", "Checkpoints", "JSON", "MessagePassing", "ModelTestSupport", "Tasks", "Tensors",
        "Tokenizers", "Training", "TestSupport",
      ]),
    .testTarget(name: "PagesTests", dependencies: ["TestSupport"]),
    .testTarget(name: "CommandTests", dependencies: ["Checkpoints", "polyad", "Tensors", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
