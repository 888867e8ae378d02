public import SpeemCrypto
import SpeemIdentity

/// A conversation of two devices: begun with PQXDH, carried on with the Double Ratchet. A value: whoever stores it
/// commits the new state together with what the message did.
public struct Session: Sendable, Equatable {
    /// Names the session on both sides, 16 bytes.
    public let id: [UInt8]
    public let peer: SessionParty
    let associatedData: [UInt8]
    var ratchet: DoubleRatchet
    /// Sent along until the responder has answered.
    var initial: InitialPart?

    init(id: [UInt8], peer: SessionParty, associatedData: [UInt8], ratchet: DoubleRatchet, initial: InitialPart?) {
        self.id = id
        self.peer = peer
        self.associatedData = associatedData
        self.ratchet = ratchet
        self.initial = initial
    }

    /// Begins a session with the device of `bundle`.
    ///
    /// - Precondition: the bundle is of `peer`'s device.
    /// - Throws: ``SessionError/malformed(_:)`` for a prekey that is weak.
    public static func initiate(
        local: LocalParty, peer: SessionParty, bundle: PrekeyBundle, random: some RandomSource
    ) throws(SessionError) -> Session {
        let (agreement, initial) = try PQXDH.initiate(local: local, peer: peer, bundle: bundle, random: random)
        return Session(
            id: agreement.sessionID, peer: peer, associatedData: agreement.associatedData,
            ratchet: try DoubleRatchet(initiator: agreement.sharedSecret, peer: bundle.signed.key, random: random),
            initial: initial)
    }

    /// Takes up the session that `message` begins.
    ///
    /// It is worth nothing before ``open(_:body:local:random:)`` has opened that message: only then keep it, and delete
    /// the one-time prekeys in the same transaction. The device must also be listed in the roster of the account that
    /// the message says it is from: the session proves that both agree on account and device, not that they belong
    /// together. Where a session of this id exists already, open the message with that one. A message under neither
    /// one-time prekey can be replayed for as long as its other prekeys live (PQXDH, section 4.2), so remember the ids
    /// of deleted sessions that long.
    ///
    /// - Throws: ``SessionError/notAuthentic(_:)`` when the message names another session than its parts derive,
    ///   ``SessionError/unknownPrekey(_:)`` when it names a one-time prekey and `prekeys` has none,
    ///   ``SessionError/malformed(_:)`` for a weak key or a message that begins no session.
    public static func respond(
        local: LocalParty, to message: IncomingHeader, prekeys: ResponderPrekeys
    ) throws(SessionError) -> Session {
        guard case .initial(let initial, let peer) = message.kind else { throw .malformed("the start of a session") }
        let agreement = try PQXDH.respond(local: local, peer: peer, initial: initial, prekeys: prekeys)
        guard agreement.sessionID == message.sessionID else { throw .notAuthentic("the start of a session") }
        return Session(
            id: agreement.sessionID, peer: peer, associatedData: agreement.associatedData,
            ratchet: DoubleRatchet(responder: agreement.sharedSecret, signedPrekey: prekeys.signed), initial: nil)
    }

    /// Whether the session can send: a responder must receive first.
    public var canSend: Bool { ratchet.canSend }

    mutating func encrypt(
        _ plaintext: SecretBytes, random: some RandomSource
    ) throws(SessionError) -> RatchetMessage {
        try ratchet.encrypt(plaintext, associatedData: associatedData, random: random)
    }

    mutating func decrypt(_ message: RatchetMessage, random: some RandomSource) throws(SessionError) -> SecretBytes {
        let plaintext = try ratchet.decrypt(message, associatedData: associatedData, random: random)
        // The responder has answered, so it holds the session.
        initial = nil
        return plaintext
    }
}
