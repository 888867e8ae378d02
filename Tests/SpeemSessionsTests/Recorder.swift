import SpeemCrypto
import SpeemIdentity
import Synchronization
import Testing

@testable import SpeemSessions

/// Keeps what it hands out.
final class RecordingRandomSource: RandomSource {
    private let source: any RandomSource
    private let kept = Mutex<[UInt8]>([])

    init(_ source: any RandomSource) {
        self.source = source
    }

    var taken: [UInt8] { kept.withLock { $0 } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        source.fill(buffer)
        kept.withLock { $0 += buffer }
    }
}

/// Two devices that talk at random, and write every step down as reference/vectors.py does.
struct Recorder {
    private(set) var vector: Vector
    private var conversation: Conversation
    private let random: SeededRandomSource
    private var generator: SeededGenerator

    init(seed: UInt64, lastResort: Bool, oneTime: Bool) throws {
        random = SeededRandomSource(seed)
        generator = SeededGenerator(seed)
        let (alice, bob) = (try Person(seed + 1_000), try Person(seed + 2_000))
        let bundle = try bob.bundle(lastResort: lastResort, oneTime: oneTime)
        let base = X25519.PrivateKey(random: random)
        let encapsulated = try bundle.kem.key.encapsulate()
        let (agreement, initial) = try PQXDH.initiate(
            local: alice.local, peer: bob.party, bundle: bundle, base: base, encapsulated: encapsulated)
        let ratchet = try DoubleRatchet(initiator: agreement.sharedSecret, peer: bundle.signed.key, random: random)
        let session = Session(
            id: agreement.sessionID, peer: bob.party, associatedData: agreement.associatedData, ratchet: ratchet,
            initial: initial)
        conversation = Conversation(
            alice: ConversationSide(local: alice.local, session: session, prekeys: nil),
            bob: ConversationSide(local: bob.local, session: nil, prekeys: bob.prekeys(for: initial)))
        vector = Vector(
            alice: Vector.Side(alice.local), bob: Vector.Side(bob.local),
            prekeys: Vector.Prekeys(
                signed: .init(encoded: HexBytes(bundle.signed.encoded), secret: HexBytes(bob.signed.secret)),
                kem: .init(
                    encoded: HexBytes(bundle.kem.encoded), seed: HexBytes((lastResort ? bob.lastResort : bob.kem).seed),
                    lastResort: lastResort),
                oneTime: bundle.oneTime.map {
                    .init(encoded: HexBytes($0.encoded), secret: HexBytes(bob.oneTime.secret))
                }),
            agreement: Vector.Agreement(
                initial: HexBytes(initial.encoded), sharedSecret: HexBytes(agreement.sharedSecret),
                associatedData: HexBytes(agreement.associatedData), sessionId: HexBytes(agreement.sessionID),
                baseSecret: HexBytes(base.secret), kemSecret: HexBytes(encapsulated.sharedSecret),
                ratchetSecret: HexBytes(ratchet.ownRatchetKey.secret)),
            events: [])
    }

    /// Sends and delivers in random order; every message may come early, late, twice or never.
    mutating func run(steps: Int) throws {
        try send(from: .alice)
        for _ in 1..<steps {
            let sender = Vector.Sender.allCases.randomElement(using: &generator) ?? .alice
            let canSend = try conversation.side(sender).session?.canSend == true
            if canSend, Int.random(in: 0..<5, using: &generator) < 2 {
                try send(from: sender)
            } else {
                // Mostly a recent one.
                let recent = Int.random(in: 0..<4, using: &generator) > 0 ? max(conversation.count - 6, 0) : 0
                try deliver(Int.random(in: recent..<conversation.count, using: &generator))
            }
        }
    }

    private mutating func send(from sender: Vector.Sender) throws {
        let content = generator.bytes(Int.random(in: 0...400, using: &generator))
        let heads = MessageHeads(
            sender: try RosterHead(generator.bytes(32)), recipient: try RosterHead(generator.bytes(32)))
        let ratchetRandom = RecordingRandomSource(random)
        let number = conversation.count
        let (body, header) = try conversation.send(
            content, from: sender, heads: heads, bodyRandom: random, ratchetRandom: ratchetRandom)
        let inside = try IncomingHeader(unsealing: header, with: conversation.side(sender.other).local.keys.seal)
        let message = Vector.Send(
            send: number, from: sender, content: HexBytes(content), key: HexBytes(body.key),
            random: HexBytes(ratchetRandom.taken), ratchetMessage: HexBytes(inside.message.encoded),
            id: HexBytes(body.id.bytes), heads: heads.hex, header: HexBytes(header), body: HexBytes(body.ciphertext))
        conversation.keep(message)
        vector.events.append(.send(message))
    }

    private mutating func deliver(_ number: Int) throws {
        let ratchetRandom = RecordingRandomSource(random)
        let recipient = conversation.sent[number].from.other
        let result = try conversation.deliver(number, random: ratchetRandom).result
        let session = try #require(try conversation.side(recipient).session)
        vector.events.append(
            .deliver(
                Vector.Deliver(
                    deliver: number, result: result, random: HexBytes(ratchetRandom.taken),
                    rootKey: HexBytes(session.ratchet.rootKey), skipped: session.ratchet.skipped.count)))
    }
}
