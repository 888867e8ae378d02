import CStaticShims
import SpeemMailbox

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a node gets its two clocks from; passed in.
public protocol ClockSource: Sendable {
    /// Seconds that never go back while the process runs.
    func monotonic() -> Int64
    /// Unix seconds, or nil while nothing has set the clock.
    func wall() -> Int64?
    /// Waits until ``monotonic()`` has grown by `seconds`; ends early when the task is cancelled.
    func sleep(seconds: Int64) async
}

extension ClockSource {
    public func sleep(seconds: Int64) async { try? await Task.sleep(for: .seconds(seconds)) }
}

/// The system's clocks.
public struct SystemClock: ClockSource {
    public init() {}

    public func monotonic() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec)
    }

    public func wall() -> Int64? {
        // A board without a battery starts somewhere in the past; the kernel knows whether NTP has spoken since.
        speem_clock_is_synchronised() != 0 ? Int64(time(nil)) : nil
    }
}

/// Adds up the time that a node has been running, over all its starts.
struct RunningClock: Sendable {
    private let source: any ClockSource
    private let base: Int64
    private let start: Int64

    /// - Parameter base: seconds of all starts before.
    init(source: any ClockSource, base: Int64) {
        self.source = source
        self.base = base
        start = source.monotonic()
    }

    var now: NodeClock {
        let (running, overflow) = base.addingReportingOverflow(max(source.monotonic() - start, 0))
        return NodeClock(running: overflow ? base : running, wall: source.wall())
    }

    func sleep(seconds: Int64) async { await source.sleep(seconds: seconds) }

    /// Seconds since this start.
    var uptime: Int64 { max(source.monotonic() - start, 0) }
}
