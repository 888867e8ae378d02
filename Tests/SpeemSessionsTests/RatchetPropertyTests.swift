import SpeemCrypto
import Testing

@testable import SpeemSessions

/// What must come of a message, told without any cryptography: chains have indexes and messages numbers.
private struct Oracle {
    enum Outcome: Equatable {
        case opened, duplicate, keyGone, tooManySkipped, notAuthentic
    }

    struct Place: Hashable {
        let chain: Int
        let number: Int
        /// Length of the sender's chain before.
        let previousCount: Int
    }

    private struct Key: Hashable {
        let chain: Int
        let number: Int
    }

    private var chain = -1
    private var next = 0
    private var skipped: [Key] = []
    private var droppedBelow: [Int: Int] = [:]

    mutating func outcome(of place: Place) -> Outcome {
        if let index = skipped.firstIndex(of: Key(chain: place.chain, number: place.number)) {
            skipped.remove(at: index)
            return .opened
        }
        if place.chain < chain - SessionLimits.rememberedRatchetKeys {
            // Taken for a new chain, and not decrypted.
            let gaps = [place.previousCount - next, place.number]
            return gaps.contains { $0 > SessionLimits.skippedPerStep } ? .tooManySkipped : .notAuthentic
        }
        if place.chain < chain || place.chain == chain && place.number < next {
            return place.number < droppedBelow[place.chain, default: 0] ? .keyGone : .duplicate
        }
        var copy = self
        if place.chain > chain {
            if chain >= 0 { guard copy.skip(to: place.previousCount) else { return .tooManySkipped } }
            copy.chain = place.chain
            copy.next = 0
        }
        guard copy.skip(to: place.number) else { return .tooManySkipped }
        copy.next += 1
        self = copy
        return .opened
    }

    private mutating func skip(to number: Int) -> Bool {
        guard number > next else { return true }
        guard number - next <= SessionLimits.skippedPerStep else { return false }
        skipped += (next..<number).map { Key(chain: chain, number: $0) }
        next = number
        while skipped.count > SessionLimits.skippedInAll {
            let dropped = skipped.removeFirst()
            droppedBelow[dropped.chain] = dropped.number + 1
        }
        return true
    }
}

/// One direction of a line that loses, doubles and shuffles.
private struct Line {
    struct Message {
        let content: [UInt8]
        let message: RatchetMessage
        let place: Oracle.Place
    }

    var oracle = Oracle()
    var inFlight: [Message] = []
    var delivered: [Message] = []
    private(set) var sent = 0
    private var chains: [X25519.PublicKey: Int] = [:]

    mutating func add(_ message: RatchetMessage, _ content: [UInt8]) {
        let chain = chains[message.header.ratchetKey] ?? chains.count
        chains[message.header.ratchetKey] = chain
        let place = Oracle.Place(
            chain: chain, number: Int(message.header.number), previousCount: Int(message.header.previousCount))
        inFlight.append(Message(content: content, message: message, place: place))
        sent += 1
    }
}

/// How a line behaves; chances in percent.
struct Weather: Sendable, CustomTestStringConvertible {
    let name: String
    let seed: UInt64
    let steps: Int
    let burst: ClosedRange<Int>
    let loss: Int
    let duplicates: Int
    /// How many of the oldest messages in flight are in the running for the next delivery.
    let reach: Int

    var testDescription: String { "\(name), seed \(seed)" }

    static let all: [Weather] =
        (1...4).map {
            Weather(name: "rough", seed: $0, steps: 1500, burst: 1...4, loss: 10, duplicates: 20, reach: 40)
        } + [
            Weather(name: "calm", seed: 5, steps: 2000, burst: 1...1, loss: 0, duplicates: 2, reach: 1),
            Weather(name: "turning", seed: 6, steps: 3000, burst: 1...2, loss: 2, duplicates: 30, reach: 3),
            Weather(name: "storm", seed: 7, steps: 400, burst: 20...120, loss: 75, duplicates: 30, reach: 3000),
            Weather(name: "storm", seed: 8, steps: 250, burst: 1...1500, loss: 40, duplicates: 30, reach: 5000),
            Weather(name: "flood", seed: 9, steps: 60, burst: 900...1100, loss: 95, duplicates: 40, reach: 5000),
        ]
}

@Suite struct RatchetPropertyTests {
    /// Both sides send at random; messages are lost, shuffled and doubled; states are stored and loaded. Each message
    /// must come out once, or as the oracle says, and an error must change nothing.
    @Test(arguments: Weather.all)
    func eachMessageOnceOrAClearError(weather: Weather) throws {
        var generator = SeededGenerator(weather.seed)
        var world = try World(seed: weather.seed)
        var seen: [Oracle.Outcome: Int] = [:]
        for step in 0..<weather.steps {
            let side = Int.random(in: 0...1, using: &generator)
            if world.sessions[side].canSend {
                for _ in 0..<Int.random(in: weather.burst, using: &generator) {
                    try world.send(from: side, losing: Int.random(in: 0..<100, using: &generator) < weather.loss)
                }
            }
            for _ in 0..<Int.random(in: 0...(2 * weather.burst.upperBound), using: &generator) {
                let reach = min(world.lines[side].inFlight.count, weather.reach)
                guard reach > 0 else { break }
                let index = Int.random(in: 0..<reach, using: &generator)
                seen[try world.deliver(from: side, index), default: 0] += 1
            }
            let count = world.lines[side].delivered.count
            if count > 0, Int.random(in: 0..<100, using: &generator) < weather.duplicates {
                let again = Bool.random(using: &generator) ? count - 1 : Int.random(in: 0..<count, using: &generator)
                seen[try world.redeliver(from: side, again), default: 0] += 1
            }
            if step % 10 == 0 { try world.storeAndLoad(side) }
        }
        for side in 0...1 {
            while !world.lines[side].inFlight.isEmpty { seen[try world.deliver(from: side, 0), default: 0] += 1 }
        }
        #expect(world.opened.count == seen[.opened])
        #expect(seen[.duplicate, default: 0] > 0)
        switch weather.name {
        case "calm": #expect(world.opened.count == world.lines[0].sent + world.lines[1].sent)
        case "turning": #expect(seen[.notAuthentic, default: 0] > 0)
        case "storm": #expect(seen[.keyGone, default: 0] > 0 || seen[.tooManySkipped, default: 0] > 0)
        case "flood": #expect(seen[.keyGone, default: 0] > 0 && seen[.tooManySkipped, default: 0] > 0)
        default: #expect(seen[.tooManySkipped] == nil && seen[.keyGone] == nil)
        }
    }

    /// Two sessions and the lines between them; side 0 begins.
    private struct World {
        let random: SeededRandomSource
        var sessions: [Session]
        /// By the side that sends.
        var lines = [Line(), Line()]
        var opened = Set<[UInt8]>()

        init(seed: UInt64) throws {
            random = SeededRandomSource(seed)
            let people = [try Person(seed), try Person(seed + 1000)]
            let secret = random.secret(32)
            let signed = X25519.PrivateKey(random: random)
            let id = random.bytes(16)
            let ratchets = [
                try DoubleRatchet(initiator: secret, peer: signed.publicKey, random: random),
                DoubleRatchet(responder: secret, signedPrekey: signed),
            ]
            sessions = (0...1).map {
                Session(
                    id: id, peer: people[1 - $0].party, associatedData: text("both"), ratchet: ratchets[$0],
                    initial: nil)
            }
        }

        mutating func send(from side: Int, losing: Bool) throws {
            let content = text("\(side) \(lines[side].sent)")
            let message = try sessions[side].encrypt(SecretBytes(content), random: random)
            lines[side].add(message, content)
            if losing { lines[side].inFlight.removeLast() }
        }

        mutating func deliver(from side: Int, _ index: Int) throws -> Oracle.Outcome {
            let message = lines[side].inFlight.remove(at: index)
            lines[side].delivered.append(message)
            return try receive(message, from: side)
        }

        mutating func redeliver(from side: Int, _ index: Int) throws -> Oracle.Outcome {
            try receive(lines[side].delivered[index], from: side)
        }

        private mutating func receive(_ message: Line.Message, from side: Int) throws -> Oracle.Outcome {
            let before = sessions[1 - side]
            let outcome: Oracle.Outcome
            do {
                let content = try sessions[1 - side].decrypt(message.message, random: random).exposedCopy()
                #expect(content == message.content)
                #expect(opened.insert(content).inserted, "opened twice")
                outcome = .opened
            } catch {
                #expect(sessions[1 - side] == before)
                switch error {
                case .duplicate: outcome = .duplicate
                case .keyGone: outcome = .keyGone
                case .tooManySkipped: outcome = .tooManySkipped
                case .notAuthentic: outcome = .notAuthentic
                default: throw error
                }
            }
            #expect(outcome == lines[side].oracle.outcome(of: message.place))
            // Silence is only for what was read: all that is lost is told.
            if outcome == .duplicate { #expect(opened.contains(message.content)) }
            return outcome
        }

        mutating func storeAndLoad(_ side: Int) throws {
            let loaded = try Session(encoded: sessions[side].encoded)
            #expect(loaded == sessions[side])
            sessions[side] = loaded
        }
    }
}
