/// What a host is, holds and can do, as a probe on it found: what ``Diagnosis`` looks at. Bytes and seconds throughout.
public struct HostFacts: Codable, Sendable, Equatable {
  public struct Processor: Codable, Sendable, Equatable {
    public var name: String
    public var hasAVX512: Bool
    /// OpenBLAS's kernels in use, such as "SkylakeX".
    public var openBLASKernels: String
    /// Whether they leave AVX-512 idle though the processor has it.
    public var leavesAVX512Idle: Bool
    /// What computes products with frozen matrices.
    public var products: String
    /// Why there is no oneDNN where it would be faster; nil where nothing is missing.
    public var note: String?
    /// Variables of the environment that choose kernels.
    public var settings: [String: String]
  }

  public struct Cores: Codable, Sendable, Equatable {
    /// Those that the host gives to this container or job, whatever the probe is bound to.
    public var present: Int
    /// Those that a process started here may use, by affinity.
    public var available: [Int]
    /// How many cores' time the processes here may take together; nil: any.
    public var quota: Int?
    /// How many cores' time others took while the probe did nothing.
    public var busy: Double

    /// How many cores' time ranks have here.
    public var usable: Int { min(available.count, quota ?? .max) }
  }

  /// fp32 GFLOP/s of all the probe's threads at once.
  public struct Rates: Codable, Sendable, Equatable {
    public var threads: Int
    /// Of multiply-adds in registers: what the processor gives.
    public var peak: Double
    /// Of the largest products of a GPT-2 step.
    public var product: Double
  }

  public struct Memory: Codable, Sendable, Equatable {
    public var total: Int
    /// What processes may still take, by the kernel and by the container's limit.
    public var available: Int
    /// Free in the folder where Open MPI keeps shared windows.
    public var sharedFree: Int
    public var sharedFolder: String
  }

  public struct OpenMPI: Codable, Sendable, Equatable {
    /// Of the daemon that starts ranks on this host; nil where there is none.
    public var version: String?
    /// Ways of messages that it was built with, such as "ob1, ucx".
    public var protocols: [String]
    public var transports: [String]
    /// Adapters that are faster than Ethernet by way of the kernel, such as "mlx5_0".
    public var fabrics: [String]
    /// Variables of the environment that choose among them.
    public var settings: [String: String]
  }

  /// The folder of a run, or the one in which it will be made, tried by writing.
  public struct Output: Codable, Sendable, Equatable {
    public var path: String
    /// Why nothing can be written there; nil where it can.
    public var fault: String?
    public var free: Int
    /// Bytes a second, brought to the disk.
    public var writeRate: Double?
  }

  /// How the host calls itself.
  public var host: String
  /// What all hosts must have alike: program, libraries, processor, kernels, files.
  public var facts: [Fact]
  public var processor: Processor
  public var cores: Cores
  public var rates: Rates
  public var memory: Memory
  public var openMPI: OpenMPI
  public var interfaces: [NetworkInterface]
  /// Where the run writes; nil on hosts that write nothing.
  public var output: Output?
  /// Bytes a second at which the files of the request were read and summed; nil without files.
  public var readRate: Double?
  /// The host's clock when the probe ended, in seconds since 1970.
  public var clock: Double
  /// A file that was last changed after that.
  public var futureFile: FutureFile?

  public struct FutureFile: Codable, Sendable, Equatable {
    public var path: String
    /// Seconds ahead of the host's clock.
    public var ahead: Double
  }
}
