/// The two clocks of a board without a battery: how long the node has been running, over all its starts, and the wall
/// clock while it is synchronised.
public struct NodeClock: Sendable, Equatable {
    /// Seconds that the node has been running since its store was made. Never goes back.
    public var running: Int64
    /// Unix seconds; nil while nothing has set the clock since boot.
    public var wall: Int64?

    public init(running: Int64, wall: Int64?) {
        self.running = running
        self.wall = wall
    }
}

/// When something that was made at one moment has reached an age, at a later one.
public enum Expiry {
    /// Whether an envelope of `made` may be deleted: only when *both* clocks say that it is `age` seconds old.
    ///
    /// A clock that jumps a year forward deletes nothing, nor does a board that ran for a year with a clock in 1970. An
    /// envelope that came while the wall clock was unknown has no second opinion yet and stays (``Mailboxes`` gives it
    /// the time of the first synchronisation).
    public static func bothSay(made: NodeClock, now: NodeClock, age: Int64) -> Bool {
        guard let madeWall = made.wall, let limits = latest(now: now, age: age) else { return false }
        return made.running <= limits.running && madeWall <= limits.wall
    }

    /// The latest moment, by each clock, at which something was made that has now reached `age`; nil while the wall
    /// clock is unknown, or when no moment is that long ago.
    static func latest(now: NodeClock, age: Int64) -> (running: Int64, wall: Int64)? {
        guard let wall = now.wall, let latestRunning = moment(age, before: now.running),
            let latestWall = moment(age, before: wall)
        else { return nil }
        return (latestRunning, latestWall)
    }

    /// `seconds` before `now`; nil when no Int64 is that far back.
    static func moment(_ seconds: Int64, before now: Int64) -> Int64? {
        let (moment, overflow) = now.subtractingReportingOverflow(seconds)
        return overflow ? nil : moment
    }

    /// Whether an invite is dead: as soon as *either* clock says so. A lifetime counts time running; `deadline` is Unix
    /// seconds.
    public static func eitherSays(madeRunning: Int64, lifetime: Int64, deadline: Int64, now: NodeClock) -> Bool {
        if elapsed(from: madeRunning, to: now.running) >= lifetime { return true }
        if let wall = now.wall { return wall >= deadline }
        return false
    }

    /// Seconds from `start` to `end`; 0 when the clock went back, and never an overflow.
    static func elapsed(from start: Int64, to end: Int64) -> Int64 {
        guard end > start else { return 0 }
        let (difference, overflow) = end.subtractingReportingOverflow(start)
        return overflow ? .max : difference
    }
}
