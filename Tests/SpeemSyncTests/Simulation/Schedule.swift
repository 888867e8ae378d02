import SpeemIdentity
import SpeemSync

/// What happens, as a list that can be made shorter: each event draws from a seed of its own.
struct Schedule {
    struct Event: CustomStringConvertible {
        let kind: Kind
        let seed: UInt64

        var description: String { "\(kind)(\(seed))" }
    }

    enum Kind: CaseIterable {
        case write, register, setting, mark
        case visit, read, readAndCut, readInVain, bring, bringAgain, pump
        case restart, fallAsleep, wakeUp, nodeAway, nodeBack
        case link, remove, addNode, changeRoster
        case snapshot, goBack

        /// How often it is drawn.
        ///
        /// - Parameters:
        ///   - isRestless: in a schedule where devices and nodes come and go.
        ///   - isWorn: in one where disks fail.
        func weight(isRestless: Bool, isWorn: Bool) -> Int {
            switch self {
            case .write: 9
            case .register, .setting, .mark: 3
            case .visit: 14
            case .read: 14
            case .readAndCut, .readInVain, .restart, .fallAsleep, .wakeUp, .nodeAway: 1
            case .bring: 14
            case .bringAgain, .pump: 3
            case .nodeBack: 2
            case .link: isRestless ? 5 : 1
            case .remove: isRestless ? 3 : 1
            case .addNode: isRestless ? 4 : 1
            case .changeRoster: isRestless ? 15 : 5
            case .snapshot, .goBack: isWorn ? 5 : 0
            }
        }
    }

    /// Four kinds of schedules.
    private static let drawn = [(false, false), (false, true), (true, false), (true, true)].map { isRestless, isWorn in
        Kind.allCases.flatMap { Array(repeating: $0, count: $0.weight(isRestless: isRestless, isWorn: isWorn)) }
    }

    let seed: UInt64
    /// In 100: how often a request or an answer is lost.
    let loss: Int
    var events: [Event]

    init(seed: UInt64) {
        self.seed = seed
        var generator = SeededGenerator(seed: seed)
        loss = [5, 15, 45][Int.random(in: 0..<3, using: &generator)]
        let kinds = Self.drawn[Int(seed % 4)]
        events = (0..<Int.random(in: 20...70, using: &generator)).map { _ in
            let place = Int.random(in: kinds.indices, using: &generator)
            return Event(kind: kinds[place], seed: generator.next() >> 32)
        }
    }

    /// Runs it, lets the world calm down, and returns what is wrong then.
    func run(bug: Bug? = nil) -> [String] { play(bug: bug).violations }

    func play(bug: Bug? = nil) -> World {
        let world = World(bug: bug, loss: loss)
        for event in events { world.meet(event) }
        world.generator = SeededGenerator(seed: seed)
        world.calmDown()
        world.check()
        return world
    }

    /// The shortest list of events that still fails, found by leaving out parts.
    func shortened(bug: Bug? = nil) -> Schedule {
        var best = self
        var size = max(events.count / 2, 1)
        while true {
            var isShorter = false
            var start = 0
            while start < best.events.count {
                var shorter = best
                shorter.events.removeSubrange(start..<min(start + size, best.events.count))
                if shorter.run(bug: bug).isEmpty {
                    start += size
                } else {
                    best = shorter
                    isShorter = true
                }
            }
            if size == 1, !isShorter { return best }
            size = max(size / 2, 1)
        }
    }
}
