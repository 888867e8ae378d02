import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Opens envelopes: all that one changes happens in the transaction it is given.
struct IncomingMail: Sendable {
    let state: DeviceState
    /// Unix seconds, for the age of invites.
    let now: Int64

    /// Seconds that a seen envelope is remembered: longer than a node remembers a deposit. Whatever comes again later is
    /// refused by its session, whose key is gone.
    private static let seenRetention: Int64 = 120 * 24 * 3600

    /// Forgets envelopes that nobody sends again. One that begins a session could begin it again for as long as its
    /// signed prekey lives, and is remembered that long.
    func forgetSeen(in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            DELETE FROM seen_envelope WHERE made < ?1 AND NOT EXISTS
                (SELECT 1 FROM prekey WHERE kind = ?2 AND epoch = signed_epoch AND number = signed_number)
            """, .integer(now - Self.seenRetention), .integer(PrekeyStore.Kind.signed.rawValue))
    }

    /// What an envelope turned out to be, for those who wait for it.
    enum Event: Sendable, Equatable {
        case text(contact: Int64)
        case receipt
        case contactRequest(contact: Int64)
        case contactAccepted(contact: Int64)
        /// A new device asks to be linked.
        case linkRequest(name: String)
        /// From another own device.
        case synchronised
        /// A contact has told something that the person need not know.
        case notice
        case duplicate
        /// It cannot be opened, or its sender may not send it.
        case rejected(String)
        /// What this device has stored does not let it be opened, or its sender is not known yet: it stays on the node.
        case kept(String)

        /// Whether a node has another grant than before, or may have to be told of one.
        var changesGrants: Bool {
            switch self {
            case .contactRequest, .contactAccepted, .synchronised, .notice: true
            case .text, .receipt, .linkRequest, .duplicate, .rejected, .kept: false
            }
        }
    }

    /// Takes a batch, in order, and queues one receipt for each contact whose texts were in it.
    func take(_ envelopes: [WireEnvelope], in connection: Connection) throws -> [Event] {
        var events: [Event] = []
        var delivered: [Int64: [[UInt8]]] = [:]
        for envelope in envelopes {
            let hash = BLAKE2b.hash(
                domain: DomainSeparator("seen envelope"), [UInt8](envelope.header), [UInt8](envelope.body))
            // Before the ratchet: a duplicate is silent, and never an error of a session.
            let seen = try connection.first("SELECT 1 FROM seen_envelope WHERE hash = ?", .blob(hash)) {
                row throws(StoreError) in try row.integer(0)
            }
            guard seen == nil else {
                events.append(.duplicate)
                continue
            }
            let opened = try take(envelope, hash: hash, in: connection)
            events.append(opened.event)
            if let id = opened.receiptFor, case .text(let contact) = opened.event {
                delivered[contact, default: []].append(id.bytes)
            }
        }
        let outgoing = OutgoingMail(state: state)
        for (contact, ids) in delivered.sorted(by: { $0.key < $1.key }) {
            do {
                try alone(in: connection) { try outgoing.queueReceipt(.delivered, ids, to: contact, in: connection) }
            } catch let error as StoreError {
                throw error
            } catch {
                // The messages count, even when nothing can be said back.
                state.logger.warning("no receipt for contact \(contact): \(error)")
            }
        }
        return events
    }

    typealias Opened = (event: Event, receiptFor: MessageID?)

    /// One envelope, and all that it changes; whatever is wrong with it, the others are taken.
    private func take(_ envelope: WireEnvelope, hash: [UInt8], in connection: Connection) throws -> Opened {
        do {
            return try alone(in: connection) {
                let header = try IncomingHeader(unsealing: [UInt8](envelope.header), with: state.local.keys.seal)
                try remember(hash, header, in: connection)
                return try open(header, body: [UInt8](envelope.body), in: connection)
            }
        } catch let error as StoreError {
            throw error
        } catch let error as DeviceError {
            guard case .damaged = error else { return try reject(error, hash, in: connection) }
            return (.kept("\(error)"), nil)
        } catch let error as Lost {
            try renew(error, in: connection)
            return try reject(error, hash, in: connection)
        } catch let error as Early {
            return try keep(error, hash, in: connection)
        } catch {
            return try reject(error, hash, in: connection)
        }
    }

    /// So many messages are missing before one that its session can never go on.
    private struct Lost: Error, CustomStringConvertible {
        let contact: Int64
        let session: [UInt8]
        let count: Int
        let limit: Int

        var description: String {
            "\(count) messages of contact \(contact) are missing before one; the limit is \(limit)"
        }
    }

    /// An envelope that can be judged when more is known: whose sender another own device may know, or a newer roster list.
    struct Early: Error, CustomStringConvertible {
        let description: String
        /// The contact whose roster is to be fetched, and the head that it must have.
        var wanted: (contact: Int64, head: RosterHead)?
        /// The newest entries of that roster, in the sender's words.
        var told: [Data] = []
    }

    /// Early envelopes whose age is written down. Those beyond them stay as well, for as long as the node keeps them, and
    /// are looked at again together with these.
    private static let maxEarly: Int64 = 64
    /// Seconds that an early envelope is waited for: then it is refused.
    private static let earlyRetention: Int64 = 14 * 24 * 3600

    /// Seconds between asking for what an early envelope names and asking again: each look at it ends with another one.
    private static let earlyPatience: Int64 = 60

    /// Leaves an early envelope on the node, for a while.
    private func keep(_ early: Early, _ hash: [UInt8], in connection: Connection) throws -> Opened {
        let known = try connection.first("SELECT made, asked FROM early_envelope WHERE hash = ?", .blob(hash)) {
            row throws(StoreError) in (made: try row.integer(0), asked: try row.optionalInteger(1))
        }
        let count = try connection.first("SELECT count(*) FROM early_envelope") { row throws(StoreError) in
            try row.integer(0)
        }
        guard now - (known?.made ?? now) <= Self.earlyRetention else { return try reject(early, hash, in: connection) }
        guard known != nil || count ?? 0 < Self.maxEarly else { return (.kept(early.description), nil) }
        if known == nil {
            try connection.execute(
                "INSERT INTO early_envelope (hash, made) VALUES (?, ?)", .blob(hash), .integer(now))
        }
        // Anybody may say that it is one of the own devices; whether the own roster has changed is seen at the own nodes.
        if let (contact, head) = early.wanted, try ContactRows.own(in: connection).id != contact,
            known?.asked.map({ abs(now - $0) > Self.earlyPatience }) ?? true
        {
            try connection.execute(
                "UPDATE early_envelope SET asked = ? WHERE hash = ?", .integer(now), .blob(hash))
            try lookForRoster(of: contact, head, told: early.told, in: connection)
        }
        return (.kept(early.description), nil)
    }

    /// Anybody may say that it is one of the contact's devices, too: what it names and tells counts where devices that are
    /// known have signed it. Else the chain is fetched, and nobody is blamed when it has no such entry.
    private func lookForRoster(
        of id: Int64, _ head: RosterHead, told: [Data], in connection: Connection
    ) throws {
        guard let contact = try ContactRows.find(id, in: connection) else { return }
        let known = try ContactRows.roster(of: contact, in: connection)
        if let next = try? ContactRoster.following(known, told), next.contains(head) {
            try ContactRows.want(head, of: id, in: connection)
            try ContactRows.told(told, by: id, in: connection)
        } else if contact.wantedHead == nil {
            try ContactRows.want(known.head, of: id, in: connection)
        }
    }

    /// A new session with the sender begins with our next word, and its own next one follows there; once for a session.
    private func renew(_ lost: Lost, in connection: Connection) throws(StoreError) {
        guard try SessionRows.isNewest(lost.session, in: connection) else { return }
        try connection.execute("UPDATE contact SET renew = max(renew, 1) WHERE id = ?", .integer(lost.contact))
    }

    private func reject(_ error: any Error, _ hash: [UInt8], in connection: Connection) throws(StoreError) -> Opened {
        try remember(hash, nil, in: connection)
        try connection.execute("UPDATE device SET rejected = rejected + 1")
        return (.rejected("\(error)"), nil)
    }

    private func remember(
        _ hash: [UInt8], _ header: IncomingHeader?, in connection: Connection
    ) throws(StoreError) {
        var signed: PrekeyID?
        if case .initial(let initial, _) = header?.kind { signed = initial.signedPrekey }
        try connection.execute(
            "INSERT INTO seen_envelope (hash, made, signed_epoch, signed_number) VALUES (?, ?, ?, ?)", .blob(hash),
            .integer(now), .optional(signed.map { Int64($0.epoch) }), .optional(signed.map { Int64($0.number) }))
        try connection.execute("DELETE FROM early_envelope WHERE hash = ?", .blob(hash))
    }

    /// Runs `body` in a savepoint: when it throws, nothing of it stays.
    private func alone<T>(in connection: Connection, _ body: () throws -> T) throws -> T {
        try connection.execute("SAVEPOINT envelope")
        do {
            let result = try body()
            try connection.execute("RELEASE envelope")
            return result
        } catch let error as StoreError {
            // The whole batch goes with it.
            throw error
        } catch {
            try connection.execute("ROLLBACK TO envelope")
            try connection.execute("RELEASE envelope")
            throw error
        }
    }

    /// Why a message that opened is not taken.
    struct Unwelcome: Error, CustomStringConvertible {
        let description: String
    }

    private func open(_ header: IncomingHeader, body: [UInt8], in connection: Connection) throws -> Opened {
        if let known = try SessionRows.find(header.sessionID, in: connection) {
            var session = known.session
            guard let contact = try ContactRows.find(known.contact, in: connection) else {
                throw Unwelcome(description: "the session belongs to nobody")
            }
            let message: OpenedMessage
            do throws(SessionError) {
                message = try session.open(header, body: body, local: state.local, random: state.random)
            } catch {
                guard case .tooManySkipped(let count, let limit) = error else { throw error }
                throw Lost(contact: contact.id, session: session.id, count: count, limit: limit)
            }
            return try apply(message, from: contact, session, in: connection)
        }
        guard case .initial(let initial, let peer) = header.kind else {
            throw Unwelcome(description: "the session is unknown")
        }
        let prekeys = try PrekeyStore.find(initial, in: connection)
        var session = try Session.respond(local: state.local, to: header, prekeys: prekeys)
        let message = try session.open(header, body: body, local: state.local, random: state.random)
        let opened: Opened
        if let contact = try ContactRows.find(account: peer.account, in: connection) {
            opened = try apply(message, from: contact, session, in: connection)
        } else {
            opened = try takeStranger(message, from: peer, session, in: connection)
        }
        try PrekeyStore.use(initial, in: connection)
        return opened
    }
}
