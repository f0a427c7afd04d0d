internal import COpenMPI

/// A number that travels between ranks.
public protocol MPIElement: BitwiseCopyable, Sendable {
  /// Which of MPI's datatypes it is.
  static var elementKind: ElementKind { get }
}

/// The datatypes that ``MPIElement`` stands for.
public enum ElementKind: Sendable {
  case float, double, int32, int64, uint16, uint8

  var datatype: MPI_Datatype {
    switch self {
    case .float: cmpi_float()
    case .double: cmpi_double()
    case .int32: cmpi_int32()
    case .int64: cmpi_int64()
    case .uint16: cmpi_uint16()
    case .uint8: cmpi_uint8()
    }
  }
}

extension Float: MPIElement {
  public static var elementKind: ElementKind { .float }
}

extension Double: MPIElement {
  public static var elementKind: ElementKind { .double }
}

extension Int32: MPIElement {
  public static var elementKind: ElementKind { .int32 }
}

extension Int64: MPIElement {
  public static var elementKind: ElementKind { .int64 }
}

extension UInt16: MPIElement {
  public static var elementKind: ElementKind { .uint16 }
}

extension UInt8: MPIElement {
  public static var elementKind: ElementKind { .uint8 }
}

extension MPIElement {
  static var datatype: MPI_Datatype { elementKind.datatype }
}

/// How ranks' numbers become one.
public enum Reduction: Sendable {
  case sum, min, max

  var operation: MPI_Op {
    switch self {
    case .sum: cmpi_sum()
    case .min: cmpi_min()
    case .max: cmpi_max()
    }
  }
}
