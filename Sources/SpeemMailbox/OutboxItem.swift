/// A deposit that a device handed over, on its way along a route.
public struct OutboxItem: Sendable, Equatable {
    /// How far it has come.
    public enum State: Int64, Sendable, CaseIterable {
        case waiting = 1
        /// Every target is on disk at the far node, or was refused for good.
        case stored = 2
        /// No target was taken.
        case refused = 3
        case expired = 4
    }

    /// What the far node said of one target. The words are the far node's, for people.
    public enum TargetState: Sendable, Equatable {
        case waiting
        case stored
        case refused(code: Int64, detail: String)
    }

    /// What came of a try.
    public enum Attempt: Sendable, Equatable {
        /// The answer for each target that was waiting, in their order.
        case answered([Answer])
        case failed(OutboxSchedule.Trouble, advice: Int64?)
    }

    public enum Answer: Sendable, Equatable {
        case stored
        /// It will not be taken, however often it is tried.
        case refused(code: Int64, detail: String)
        /// It may be taken later; `advice` is in seconds.
        case later(OutboxSchedule.Trouble, advice: Int64?)
    }

    public var state: State
    public var targets: [TargetState]
    public var trouble: OutboxSchedule.Trouble?
    /// Seconds of running when the trouble began.
    public var troubleSince: Int64
    /// Failures in a row.
    public var attempts: Int64
    /// Seconds of running before which it is not tried.
    public var nextTry: Int64

    public init(
        state: State, targets: [TargetState], trouble: OutboxSchedule.Trouble?, troubleSince: Int64, attempts: Int64,
        nextTry: Int64
    ) {
        self.state = state
        self.targets = targets
        self.trouble = trouble
        self.troubleSince = troubleSince
        self.attempts = attempts
        self.nextTry = nextTry
    }

    /// A new one, to be tried at once.
    public static func new(targets: Int, now: Int64) -> OutboxItem {
        OutboxItem(
            state: .waiting, targets: Array(repeating: .waiting, count: targets), trouble: .notTriedYet,
            troubleSince: now, attempts: 0, nextTry: now)
    }

    /// Does not ask by itself: what was put there before it waits for room, and it does not overtake that.
    mutating func waitBehind(_ moment: Int64) {
        trouble = .mailboxFull
        nextTry = max(nextTry, moment)
    }

    /// Whether nothing more will come of it.
    public var isOver: Bool { state != .waiting }

    /// The item after a try at `now` (seconds of running). Pure.
    ///
    /// - Parameter jitter: 0 up to 1, for the next wait.
    public func after(_ attempt: Attempt, now: Int64, jitter: Double) -> OutboxItem {
        guard !isOver else { return self }
        var next = self
        switch attempt {
        case .failed(let trouble, let advice): next.meet(trouble, advice: advice, now: now, jitter: jitter)
        case .answered(let answers):
            var later: (trouble: OutboxSchedule.Trouble, advice: Int64?)?
            let waiting = targets.indices.filter { targets[$0] == .waiting }
            for (index, answer) in zip(waiting, answers) {
                switch answer {
                case .stored: next.targets[index] = .stored
                case .refused(let code, let detail): next.targets[index] = .refused(code: code, detail: detail)
                case .later(let trouble, let advice):
                    later = (trouble, max(advice ?? 0, later?.advice ?? 0))
                }
            }
            // An answer that leaves out a target is no answer for it.
            if answers.count < waiting.count, later == nil { later = (.farTrouble, nil) }
            if let later {
                next.meet(later.trouble, advice: later.advice, now: now, jitter: jitter)
            } else {
                next.state = next.targets.contains(.stored) ? .stored : .refused
                next.trouble = nil
            }
        }
        return next
    }

    /// The items of one route, oldest first, after a try at `now` that got no answer for them: they wait together, as long as
    /// the oldest does. Pure.
    public static func after(
        _ trouble: OutboxSchedule.Trouble, items: [OutboxItem], now: Int64, jitter: Double
    ) -> [OutboxItem] {
        var next = items.map { $0.after(.failed(trouble, advice: nil), now: now, jitter: jitter) }
        guard let oldest = next.first?.nextTry else { return [] }
        for index in next.indices { next[index].nextTry = oldest }
        return next
    }

    /// Whether `other` is news for the device that put it there: not, when it was only tried once more.
    public func differs(from other: OutboxItem) -> Bool {
        state != other.state || targets != other.targets || trouble != other.trouble
    }

    private mutating func meet(
        _ trouble: OutboxSchedule.Trouble, advice: Int64?, now: Int64, jitter: Double
    ) {
        if self.trouble != trouble {
            self.trouble = trouble
            troubleSince = now
            attempts = 0
        }
        attempts = min(attempts, Int64(UInt32.max)) + 1
        let wait = OutboxSchedule.delay(attempts: attempts, trouble: trouble, advice: advice, jitter: jitter)
        let (moment, overflow) = now.addingReportingOverflow(wait)
        nextTry = overflow ? now : moment
    }

    /// The item when its time is over.
    public func expired() -> OutboxItem {
        guard !isOver else { return self }
        var next = self
        // What a device of the contact has is not lost because another one's copy came too late.
        next.state = targets.contains(.stored) ? .stored : .expired
        next.trouble = nil
        return next
    }
}
