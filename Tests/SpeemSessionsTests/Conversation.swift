import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

/// One device of a conversation, which keeps only what was opened.
struct ConversationSide {
    let local: LocalParty
    var session: Session?
    /// Bob's; Alice begins.
    let prekeys: ResponderPrekeys?

    mutating func receive(_ header: [UInt8], _ body: [UInt8], random: some RandomSource) throws -> OpenedMessage {
        let header = try IncomingHeader(unsealing: header, with: local.keys.seal)
        var candidate = session
        if candidate == nil, let prekeys {
            candidate = try Session.respond(local: local, to: header, prekeys: prekeys)
        }
        var taken = try #require(candidate)
        let opened = try taken.open(header, body: body, local: local, random: random)
        session = taken
        return opened
    }
}

extension SessionError {
    /// As vectors name it.
    var name: String {
        switch self {
        case .malformed: "malformed"
        case .notAuthentic: "notAuthentic"
        case .duplicate: "duplicate"
        case .keyGone: "keyGone"
        case .tooManySkipped: "tooManySkipped"
        case .unknownPrekey: "unknownPrekey"
        case .wrongRecipient: "wrongRecipient"
        case .cannotSend: "cannotSend"
        case .unknownVersion, .wrongPrekeyType, .tooLong, .exhausted: "\(self)"
        }
    }
}

/// The two devices of a vector, and all they have sent each other.
struct Conversation {
    var sides: [Vector.Sender: ConversationSide]
    private(set) var sent: [Vector.Send] = []

    init(alice: ConversationSide, bob: ConversationSide) {
        sides = [.alice: alice, .bob: bob]
    }

    func side(_ name: Vector.Sender) throws -> ConversationSide { try #require(sides[name]) }

    var count: Int { sent.count }

    /// Seals `content` with known random bytes; the number of the message is the count of those before.
    mutating func send(
        _ content: [UInt8], from sender: Vector.Sender, heads: MessageHeads, bodyRandom: some RandomSource,
        ratchetRandom: some RandomSource
    ) throws -> (body: MessageBody, header: [UInt8]) {
        var side = try side(sender)
        var session = try #require(side.session)
        let body = try MessageBody(sealing: content, random: bodyRandom)
        let header = try session.seal(body, from: side.local, heads: heads, random: ratchetRandom)
        side.session = session
        sides[sender] = side
        return (body, header)
    }

    mutating func keep(_ message: Vector.Send) { sent.append(message) }

    /// Lets the recipient of message `number` open it, and says what it came to.
    mutating func deliver(_ number: Int, random: some RandomSource) throws -> (result: String, opened: OpenedMessage?) {
        let message = sent[number]
        var side = try side(message.from.other)
        defer { sides[message.from.other] = side }
        do {
            return ("opened", try side.receive(message.header.bytes, message.body.bytes, random: random))
        } catch let error as SessionError {
            return (error.name, nil)
        }
    }
}

extension MessageHeads {
    /// Sender's and recipient's.
    init(_ heads: [HexBytes]) throws {
        try #require(heads.count == 2)
        self.init(sender: try RosterHead(heads[0].bytes), recipient: try RosterHead(heads[1].bytes))
    }

    var hex: [HexBytes] { [HexBytes(sender.bytes), HexBytes(recipient.bytes)] }
}
