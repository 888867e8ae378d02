import SpeemCrypto
import SpeemIdentity
import Synchronization
import Testing

@testable import SpeemSessions

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}

/// Key material that is the same in every run.
final class SeededRandomSource: RandomSource {
    private let generator: Mutex<SeededGenerator>

    init(_ seed: UInt64) {
        generator = Mutex(SeededGenerator(seed))
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        generator.withLock { buffer.copyBytes(from: $0.bytes(buffer.count)) }
    }
}

/// Random bytes that a test knows: the given ones, in order, each once.
final class ScriptedRandomSource: RandomSource {
    private let rest: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) {
        rest = Mutex(bytes)
    }

    /// How many bytes were not taken.
    var remaining: Int { rest.withLock { $0.count } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        rest.withLock { rest in
            precondition(rest.count >= buffer.count, "the script has not enough bytes")
            buffer.copyBytes(from: rest.prefix(buffer.count))
            rest.removeFirst(buffer.count)
        }
    }
}

/// An account's only device, with one prekey of every kind.
struct Person {
    let local: LocalParty
    let random: SeededRandomSource
    let signed: X25519.PrivateKey
    let oneTime: X25519.PrivateKey
    let kem: MLKEM.PrivateKey
    let lastResort: MLKEM.PrivateKey

    static let signedID = PrekeyID(epoch: 3, number: 1)
    static let oneTimeID = PrekeyID(epoch: 3, number: 2)
    static let kemID = PrekeyID(epoch: 3, number: 3)
    static let lastResortID = PrekeyID(epoch: 3, number: 4)

    init(_ seed: UInt64) throws {
        random = SeededRandomSource(seed)
        local = LocalParty(
            account: AccountPublicKey(key: Ed25519.PrivateKey(random: random).publicKey),
            keys: DeviceKeys(random: random))
        signed = X25519.PrivateKey(random: random)
        oneTime = X25519.PrivateKey(random: random)
        kem = try MLKEM.PrivateKey(random: random)
        lastResort = try MLKEM.PrivateKey(random: random)
    }

    var party: SessionParty { local.party }
    var account: AccountPublicKey { local.account }
    var keys: DeviceKeys { local.keys }

    var signedPrekey: SignedPrekey {
        SignedPrekey(id: Self.signedID, key: signed.publicKey, signedBy: keys.signing)
    }

    var oneTimePrekey: OneTimePrekey { OneTimePrekey(id: Self.oneTimeID, key: oneTime.publicKey) }

    func kemPrekey(lastResort isLastResort: Bool) -> KEMPrekey {
        KEMPrekey(
            id: isLastResort ? Self.lastResortID : Self.kemID,
            key: isLastResort ? lastResort.publicKey : kem.publicKey, isLastResort: isLastResort,
            signedBy: keys.signing)
    }

    /// What this person's node hands out.
    func bundle(lastResort: Bool = false, oneTime: Bool = true) throws -> PrekeyBundle {
        try PrekeyBundle(
            device: party.device, signed: signedPrekey.encoded, kem: kemPrekey(lastResort: lastResort).encoded,
            isLastResort: lastResort, oneTime: oneTime ? oneTimePrekey.encoded : nil)
    }

    func prekeys(for initial: InitialPart) -> ResponderPrekeys {
        ResponderPrekeys(
            signed: signed, kem: initial.isLastResort ? lastResort : kem,
            oneTime: initial.oneTimePrekey == nil ? nil : oneTime)
    }

    func initiate(with peer: Person, lastResort: Bool = false, oneTime: Bool = true) throws -> Session {
        try .initiate(
            local: local, peer: peer.party, bundle: peer.bundle(lastResort: lastResort, oneTime: oneTime),
            random: random)
    }

    /// Takes up the session that `header` begins.
    func respond(to header: IncomingHeader) throws -> Session {
        guard case .initial(let initial, _) = header.kind else { throw SessionError.malformed("a test") }
        return try .respond(local: local, to: header, prekeys: prekeys(for: initial))
    }

    func unseal(_ envelope: Envelope) throws -> IncomingHeader {
        try IncomingHeader(unsealing: envelope.header, with: keys.seal)
    }

    /// Seals `content` for the device of `session`.
    func send(_ content: [UInt8], in session: inout Session) throws -> Envelope {
        let body = try MessageBody(sealing: content, random: random)
        return Envelope(
            header: try session.seal(body, from: local, heads: heads, random: random), body: body.ciphertext,
            id: body.id)
    }

    /// Unseals and opens in an existing session.
    func open(_ envelope: Envelope, in session: inout Session) throws -> OpenedMessage {
        try session.open(try unseal(envelope), body: envelope.body, local: local, random: random)
    }

    /// Heads with this person as sender.
    var heads: MessageHeads {
        get throws {
            MessageHeads(
                sender: try RosterHead([UInt8](repeating: account.bytes[0], count: 32)),
                recipient: try RosterHead([UInt8](repeating: 0xbb, count: 32)))
        }
    }
}

/// What a mailbox keeps.
struct Envelope {
    let header: [UInt8]
    let body: [UInt8]
    let id: MessageID
}

/// Two people with a session in which both can send.
struct Pair {
    let alice: Person
    let bob: Person
    var atAlice: Session
    var atBob: Session

    init(_ seed: UInt64) throws {
        alice = try Person(seed)
        bob = try Person(seed + 1)
        atAlice = try alice.initiate(with: bob)
        let first = try alice.send(text("hello"), in: &atAlice)
        let header = try bob.unseal(first)
        atBob = try bob.respond(to: header)
        _ = try atBob.open(header, body: first.body, local: bob.local, random: bob.random)
        let answer = try bob.send(text("hello yourself"), in: &atBob)
        _ = try alice.open(answer, in: &atAlice)
    }
}

/// The bytes of a text.
func text(_ string: String) -> [UInt8] { Array(string.utf8) }

/// The refusal of `body`; nil when it went through.
func refusal<R>(_ body: () throws -> R) -> SessionError? {
    do {
        _ = try body()
        return nil
    } catch let error as SessionError {
        return error
    } catch {
        Issue.record("\(error) is not a SessionError")
        return nil
    }
}

extension SessionError {
    var isNotAuthentic: Bool { if case .notAuthentic = self { true } else { false } }
    var isMalformed: Bool { if case .malformed = self { true } else { false } }
    var isTooManySkipped: Bool { if case .tooManySkipped = self { true } else { false } }
}

extension [UInt8] {
    /// A copy in which one byte differs.
    func flipping(_ index: Int, _ mask: UInt8 = 1) -> [UInt8] {
        var copy = self
        copy[index] ^= mask
        return copy
    }

    /// A copy in which the bytes from `start` on are others.
    func replacing(from start: Int, with bytes: [UInt8]) -> [UInt8] {
        Array(self[..<start]) + bytes + Array(self[(start + bytes.count)...])
    }
}

/// X25519 public keys whose shared secret is all zeros with every private key (RFC 7748, section 6.1; the list is
/// Curve25519's points of small order).
let weakKeys: [X25519.PublicKey] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].compactMap { Hex.decode($0) }.compactMap { try? X25519.PublicKey($0) }

/// What the ratchet carries, put together by hand.
func messageKeys(
    key: SecretBytes, id: [UInt8], sender: AccountPublicKey, recipient: AccountPublicKey, heads: MessageHeads
) -> SecretBytes {
    SecretBytes(
        [1] + key.exposedCopy() + id + sender.bytes + recipient.bytes + heads.sender.bytes + heads.recipient.bytes)
}

/// A header as somebody makes it who holds a session and puts other things inside than
/// ``Session/seal(_:from:heads:random:)`` does.
func craft(
    _ inside: SecretBytes, in session: inout Session, for recipient: Person, random: some RandomSource
) throws -> IncomingHeader {
    let message = try session.encrypt(inside, random: random)
    return try recipient.unseal(inside: [1, 0] + session.id + message.encoded)
}

extension Person {
    /// What this person finds in a header with these bytes under the seal.
    func unseal(inside: [UInt8]) throws -> IncomingHeader {
        try IncomingHeader(unsealing: SealedBox.seal(inside, to: keys.seal.publicKey), with: keys.seal)
    }
}
