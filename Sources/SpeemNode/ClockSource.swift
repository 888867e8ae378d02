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
    /// Why ``wall()`` is known or not.
    func trust() -> ClockTrust
    /// Waits until ``monotonic()`` has grown by `seconds`; ends early when the task is cancelled.
    func sleep(seconds: Int64) async
}

/// Why a node trusts its wall clock, or not.
public enum ClockTrust: Sendable, Equatable {
    /// The kernel was told the time since it started, and by how much it may be wrong.
    case kernel
    /// The kernel may not be asked here; systemd-timesyncd has left word that it has set the clock.
    case timesyncd
    /// Nobody has set it since the start, as far as this process can see.
    case never

    public var isTrusted: Bool {
        switch self {
        case .kernel, .timesyncd: true
        case .never: false
        }
    }

    /// For a person.
    public var words: String {
        switch self {
        case .kernel: "a time service has set it since the start"
        case .timesyncd: "systemd-timesyncd has set it since the start"
        case .never: "nothing has set it since the start; until then nothing expires by age"
        }
    }
}

extension ClockSource {
    public func trust() -> ClockTrust { wall() == nil ? .never : .kernel }

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
        trust().isTrusted ? Int64(time(nil)) : nil
    }

    public func trust() -> ClockTrust {
        switch speem_clock_is_synchronised() {
        case 0: .never
        case 2: .timesyncd
        default: .kernel
        }
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

    var trust: ClockTrust { source.trust() }

    func sleep(seconds: Int64) async { await source.sleep(seconds: seconds) }

    /// Seconds since this start.
    var uptime: Int64 { max(source.monotonic() - start, 0) }
}
