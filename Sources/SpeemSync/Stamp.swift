public import SpeemIdentity

/// When a register was changed, in the order that all devices agree on: a Lamport clock (Lamport, "Time, Clocks, and the
/// Ordering of Events in a Distributed System", 1978), ties broken by the device. No wall clock is asked: one that is
/// wrong by a year would win every conflict for a year.
public struct Stamp: Sendable, Hashable, Comparable {
    /// Above every counter that the device had seen.
    public let counter: UInt64
    public let device: DeviceID

    public init(counter: UInt64, device: DeviceID) {
        self.counter = counter
        self.device = device
    }

    public static func < (lhs: Stamp, rhs: Stamp) -> Bool {
        if lhs.counter != rhs.counter { return lhs.counter < rhs.counter }
        return lhs.device.bytes.lexicographicallyPrecedes(rhs.device.bytes)
    }

    /// The stamp of the next change that `device` makes after it has seen `highest`.
    ///
    /// A counter from another device is bounded on arrival (``maxCounter``), so that counting on never ends.
    public static func next(after highest: UInt64, by device: DeviceID) -> Stamp {
        Stamp(counter: min(highest, maxCounter) + 1, device: device)
    }

    /// Counters above this one are refused: a person changes nothing that often, and the highest leaves no next one.
    public static let maxCounter: UInt64 = 1 << 48
}
