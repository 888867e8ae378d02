import SpeemStore
import Testing

@testable import SpeemMailbox

/// Mailboxes as plain arrays: the same rules, with nothing to get wrong about tables, indexes and books.
private struct Model {
    struct Entry {
        let sequence: Int64
        /// Which opening of the device's mailbox it is in.
        let box: Int
        let party: Int64
        let isOwn: Bool
        let number: Int
        let envelope: Envelope
        var made: NodeClock
    }

    struct Key: Hashable {
        let party: Int64
        let box: Int
        let number: Int
    }

    struct Memory {
        let envelope: Envelope
        /// Time of running at which it was acknowledged; nil while it waits.
        var acknowledged: Int64?
    }

    let quota: Quota
    let maxAge: Int64
    var boxes: [[UInt8]: Int] = [:]
    var boxesMade = 0
    var entries: [Entry] = []
    var memory: [Key: Memory] = [:]
    var sequence: Int64 = 0

    mutating func open(_ device: [UInt8]) {
        guard boxes[device] == nil else { return }
        boxes[device] = boxesMade
        boxesMade += 1
    }

    func bytes(_ isIncluded: (Entry) -> Bool = { _ in true }) -> Int64 {
        entries.reduce(0) { isIncluded($1) ? $0 + $1.envelope.size : $0 }
    }

    mutating func deposit(
        _ envelope: Envelope, _ number: Int, for device: [UInt8], from party: Int64, isOwn: Bool, contacts: Int64,
        clock: NodeClock
    ) -> DepositOutcome {
        guard let box = boxes[device] else { return .refused(.unknownMailbox) }
        let key = Key(party: party, box: box, number: number)
        if let known = memory[key] { return known.envelope == envelope ? .duplicate : .refused(.conflict) }
        let share = isOwn ? quota.own : min(quota.perContact, (quota.total - quota.own) / contacts)
        guard bytes({ isOwn ? $0.isOwn : !$0.isOwn && $0.party == party }) + envelope.size <= share else {
            return .refused(.mailboxFull)
        }
        let own = bytes { $0.isOwn }
        let others = bytes { !$0.isOwn }
        guard isOwn || others + envelope.size <= quota.total - max(own, quota.own) else {
            return .refused(.nodeFull)
        }
        guard bytes() + envelope.size <= quota.total else { return .refused(.nodeFull) }
        sequence += 1
        entries.append(
            Entry(
                sequence: sequence, box: box, party: party, isOwn: isOwn, number: number, envelope: envelope,
                made: clock))
        memory[key] = Memory(envelope: envelope)
        return .stored(sequence: sequence)
    }

    func waiting(_ device: [UInt8], after: Int64 = .min) -> [Entry]? {
        guard let box = boxes[device] else { return nil }
        return entries.filter { $0.box == box && $0.sequence > after }
    }

    mutating func acknowledge(_ sequences: [Int64], of device: [UInt8], clock: NodeClock) -> Int {
        let gone = (waiting(device) ?? []).filter { sequences.contains($0.sequence) }
        for entry in gone {
            memory[Key(party: entry.party, box: entry.box, number: entry.number)]?.acknowledged = clock.running
        }
        entries.removeAll { entry in gone.contains { $0.sequence == entry.sequence } }
        return gone.count
    }

    mutating func expire(clock: NodeClock) -> Int {
        if clock.wall != nil {
            for index in entries.indices where entries[index].made.wall == nil { entries[index].made.wall = clock.wall }
        }
        let gone = entries.filter { entry in
            guard boxes.values.contains(entry.box) else { return true }
            guard let now = clock.wall, let made = entry.made.wall else { return false }
            return clock.running - entry.made.running >= maxAge && now - made >= maxAge
        }
        for entry in gone { memory[Key(party: entry.party, box: entry.box, number: entry.number)] = nil }
        entries.removeAll { entry in gone.contains { $0.sequence == entry.sequence } }
        memory = memory.filter { _, known in
            known.acknowledged.map { clock.running - $0 <= 60 * day } ?? true
        }
        return gone.count
    }
}

/// Random operations against the model.
struct ModelTests {
    /// What happened, so that a run that tests nothing shows.
    private struct Tally {
        var outcomes: [String: Int] = [:]
        mutating func add(_ name: String, _ count: Int = 1) { outcomes[name, default: 0] += count }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agrees(seed: UInt64) async throws {
        let quota = Quota(total: 20_000, perContact: 9000, own: 5000)
        try await withBench(quota: quota, maxAge: 30 * day) { (bench) throws in
            var generator = SeededGenerator(seed: seed)
            var model = Model(quota: quota, maxAge: 30 * day)
            var tally = Tally()
            for device in [alice, bob] { model.open(device) }
            for step in 0..<2500 {
                try Self.step(&bench, &model, &generator, &tally)
                #expect(try bench.used() == model.bytes())
                if step % 100 == 0 { try bench.checkBooks() }
            }
            for name in ["stored", "duplicate", "conflict", "mailboxFull", "nodeFull", "unknownMailbox", "expired"] {
                #expect(tally.outcomes[name, default: 0] > 0, "never \(name): \(tally.outcomes)")
            }
            // In the end all of it is what the model has.
            for device in [alice, bob] {
                let drain = try bench.drain(device)
                #expect(drain?.envelopes.map(\.envelope) == model.waiting(device)?.map(\.envelope))
            }
        }
    }

    private static func step(
        _ bench: inout Bench, _ model: inout Model, _ generator: inout SeededGenerator, _ tally: inout Tally
    ) throws {
        let device = generator.once(in: 2) ? alice : bob
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<64:
            let party = Int64.random(in: 1...6, using: &generator)
            let number = Int.random(in: 0..<40, using: &generator)
            var sent = envelope(number, body: 100 + number * 10)
            if generator.once(in: 10) { sent.body[0] ^= 1 }
            bench.contacts = .random(in: 2...5, using: &generator)
            let outcome = try bench.deposit(sent, for: device, from: party, as: party > 4 ? .ownDevice : .contact)
            let expected = model.deposit(
                sent, number, for: device, from: party, isOwn: party > 4, contacts: bench.contacts, clock: bench.clock)
            #expect(outcome == expected)
            switch outcome {
            case .stored: tally.add("stored")
            case .duplicate: tally.add("duplicate")
            case .refused(let refusal): tally.add("\(refusal)")
            }
        case 64..<74:
            let after = Int64.random(in: -1...(model.sequence + 1), using: &generator)
            let count = Int.random(in: 1...8, using: &generator)
            let drain = try bench.drain(device, after: after, count: count)
            let expected = model.waiting(device, after: after)
            #expect(drain?.envelopes.map(\.sequence) == expected?.prefix(count).map(\.sequence))
            #expect(drain?.envelopes.map(\.envelope) == expected?.prefix(count).map(\.envelope))
            #expect(drain?.more == expected.map { $0.count > count })
        case 74..<84:
            var chosen = (0..<4).map { _ in Int64.random(in: -1...(model.sequence + 1), using: &generator) }
            chosen += (model.waiting(device) ?? []).prefix(2).map(\.sequence)
            #expect(
                try bench.acknowledge(chosen, of: device)
                    == model.acknowledge(chosen, of: device, clock: bench.clock))
        case 84..<94:
            // Time goes on, now and then by weeks; the wall clock is lost, set, or jumps.
            bench.clock.running += .random(in: 0...(generator.once(in: 8) ? 40 * day : day), using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bench.clock.wall = nil
            case 1: bench.clock.wall = .random(in: 0...4_000_000_000, using: &generator)
            default: bench.clock.wall = 1_700_000_000 + bench.clock.running
            }
        case 94..<97:
            let deleted = try bench.expireAll()
            #expect(deleted == model.expire(clock: bench.clock))
            tally.add("expired", deleted)
        default:
            // Opened again soon after.
            if model.boxes.count == 2, generator.once(in: 4) {
                try bench.remove(device)
                model.boxes[device] = nil
                return
            }
            for device in [alice, bob] {
                try bench.open(device)
                model.open(device)
            }
        }
        let states = try bench.states()
        #expect(states.count == model.boxes.count)
        for state in states {
            #expect(state.envelopes == Int64(model.waiting(state.device)?.count ?? -1))
        }
    }
}
