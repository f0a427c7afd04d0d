import Foundation

/// How far a run has come.
public struct RunProgress: Sendable, Equatable {
  public var step: Int
  public var totalSteps: Int
  /// The mean loss of the last steps, in nats.
  public var loss: Double
  public var learningRate: Double
  public var tokensPerSecond: Double
  /// What is left of the run, in seconds of wall time.
  public var etaSeconds: Double

  public init(
    step: Int, totalSteps: Int, loss: Double, learningRate: Double, tokensPerSecond: Double, etaSeconds: Double
  ) {
    self.step = step
    self.totalSteps = totalSteps
    self.loss = loss
    self.learningRate = learningRate
    self.tokensPerSecond = tokensPerSecond
    self.etaSeconds = etaSeconds
  }

  /// One line that says it all, the most important first.
  public var text: String {
    "step \(step)/\(totalSteps)  loss \(String(format: "%.4f", loss))  rate \(Formatting.number(learningRate))"
      + "  \(Formatting.number(tokensPerSecond)) tokens/s  ETA \(Formatting.duration(seconds: etaSeconds))"
  }
}

/// Standard error as a run uses it: lines that stay and, on a terminal, one live line below them.
public final class ProgressLine {
  /// Whether there is a live line; elsewhere ``show(_:)`` does nothing.
  public let isLive: Bool

  private let write: (String) -> Void
  private let width: () -> Int
  private let isColoured: Bool
  private let interval: Duration
  private var current: String?
  private var lastDrawn: ContinuousClock.Instant?

  /// A line on any output, for tests and other terminals.
  ///
  /// - Parameters:
  ///   - isLive: Whether the output is a terminal that obeys control sequences.
  ///   - isColoured: Whether the live line is coloured.
  ///   - interval: The least time between two drawings, so that short steps do not flood the terminal.
  ///   - width: The terminal's columns at the moment.
  ///   - write: Puts a text out as it is.
  public init(
    isLive: Bool, isColoured: Bool, interval: Duration, width: @escaping () -> Int, write: @escaping (String) -> Void
  ) {
    self.isLive = isLive
    self.isColoured = isColoured
    self.interval = interval
    self.width = width
    self.write = write
  }

  /// The line on standard error: live on a terminal that is not dumb, in colour unless NO_COLOR is set.
  public static func standardError(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> ProgressLine {
    ProgressLine(
      isLive: isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb",
      isColoured: environment["NO_COLOR", default: ""].isEmpty, interval: .milliseconds(100), width: terminalWidth,
      write: { text in try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) })
  }

  /// Redraws the live line.
  public func show(_ progress: RunProgress) { show(progress.text, isLast: progress.step >= progress.totalSteps) }

  /// Redraws the live line with any text, such as how far an evaluation is.
  ///
  /// - Parameter isLast: Whether it has to be drawn even right after another.
  public func show(_ text: String, isLast: Bool = false) {
    guard isLive else { return }
    current = text
    let now = ContinuousClock.now
    if !isLast, let lastDrawn, now - lastDrawn < interval { return }
    lastDrawn = now
    draw()
  }

  /// Writes a line that stays, above the live one.
  public func print(_ line: String) {
    if current != nil { write(Self.clearing) }
    write(line + "\n")
    if current != nil { draw() }
  }

  /// Removes the live line.
  public func clear() {
    if current != nil { write(Self.clearing) }
    current = nil
    lastDrawn = nil
  }

  /// Back to the first column, and nothing right of it.
  private static let clearing = "\r\u{1B}[K"

  private func draw() {
    guard let current else { return }
    // The last column stays free: some terminals wrap as soon as it is filled.
    let room = max(1, width() - 1)
    let text = current.count <= room ? current : current.prefix(room - 1) + "…"
    write(Self.clearing + (isColoured ? "\u{1B}[36m\(text)\u{1B}[0m" : text))
  }

  private static func terminalWidth() -> Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }
}
