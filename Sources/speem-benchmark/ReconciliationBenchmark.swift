import SpeemCrypto
import SpeemSync

/// What it costs two devices to find out what they have not in common, over histories of 100,000 messages.
enum ReconciliationBenchmark {
    private static let messages = 100_000

    struct Cost {
        var bytes = 0
        var rounds = 0
        var found = 0
        /// Of both devices, the making of their sets included.
        var milliseconds = 0.0
    }

    static func run() throws {
        print("reconciliation of \(messages) messages (both ways; a round is a question and its answer)")
        for (words, mine, theirs) in [
            ("nothing missing", 0..<0, 0..<0),
            ("10 missing on each side, anywhere", 0..<10, 10..<20),
            ("the newest 10 missing on one side", (messages - 10)..<messages, 0..<0),
            ("1,000 missing on each side, anywhere", 0..<1000, 1000..<2000),
            ("a newcomer with nothing", 0..<messages, 0..<0),
        ] {
            let cost = try measure(missing: mine, theirs, shuffled: !words.contains("newest"))
            print(
                "  \(words): \(cost.bytes) bytes, \(cost.rounds) rounds, \(Int(cost.milliseconds)) ms, \(cost.found) found"
            )
        }
    }

    /// Two histories of one message a minute, from which each device lacks some.
    private static func measure(missing mine: Range<Int>, _ theirs: Range<Int>, shuffled: Bool) throws -> Cost {
        let random = SystemRandomSource()
        let contents = (0..<messages).map { (time: UInt64($0) * 60_000, content: random.bytes(33)) }
        let order = shuffled ? Array(contents.indices).shuffled() : Array(contents.indices)
        let lacking = [Set(order[mine]), Set(order[theirs])]
        let salt = random.bytes(16)
        let clock = ContinuousClock()
        let start = clock.now
        let sides = lacking.map { lacking in
            Reconciler(
                ItemSet(
                    contents.indices.lazy.filter { !lacking.contains($0) }.map {
                        ReconciliationItem(time: contents[$0].time, salt: salt, content: contents[$0].content)
                    }))
        }
        var cost = Cost()
        var found: Set<UInt64> = []
        var question: [UInt8]? = sides[0].begin()
        while let bytes = question {
            let answer = try sides[1].answer(bytes)
            cost.rounds += 1
            cost.bytes += bytes.count + answer.count
            let (difference, next) = try sides[0].take(answer)
            found.formUnion(difference.have + difference.need)
            question = next
        }
        cost.milliseconds = start.duration(to: clock.now) / .milliseconds(1)
        cost.found = found.count
        precondition(cost.found == mine.count + theirs.count, "a difference was not found")
        return cost
    }
}
