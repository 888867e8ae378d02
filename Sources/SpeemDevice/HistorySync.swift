import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Finds out which messages two own devices do not have in common, and exchanges them: rounds of sealed messages through
/// the node. Every round stands in the mailbox until it was committed, so an exchange goes on after any interruption.
struct HistorySync: Sendable {
    let state: DeviceState

    /// Bytes of texts in one message.
    private static let messageBytes = 48 * 1024

    // MARK: Asking

    /// This device was linked by `device`, and may have its history.
    func begin(_ linked: WireLinked, with device: DeviceID, now: Int64, in connection: Connection) throws {
        guard linked.history else { return }
        try begin(since: Int64(clamping: linked.historySinceUnixMs), with: device, now: now, in: connection)
    }

    /// Begins a new exchange; one that was going on with the device ends.
    func begin(since: Int64, with device: DeviceID, now: Int64, in connection: Connection) throws {
        let session = state.random.bytes(16)
        try connection.execute(
            """
            INSERT INTO history (device, session, since_ms, asked_ms) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (device) DO UPDATE SET session = ?2, since_ms = ?3, asked_ms = ?4, total = 0
            """, .blob(device.bytes), .blob(session), .integer(since), .integer(now))
        let message = Reconciler(try items(since: since, salt: session, in: connection)).begin()
        try send(
            .with {
                $0.session = Data(session)
                $0.sinceUnixMs = UInt64(clamping: since)
                $0.message = Data(message)
            }, to: device, in: connection)
    }

    /// A round from another own device.
    func take(_ round: WireReconcile, from device: DeviceID, now: Int64, in connection: Connection) throws {
        if round.answer {
            try takeAnswer(round, from: device, now: now, in: connection)
        } else {
            try answer(round, to: device, in: connection)
        }
    }

    private func takeAnswer(
        _ round: WireReconcile, from device: DeviceID, now: Int64, in connection: Connection
    ) throws {
        let session = [UInt8](round.session)
        let asked = try connection.first(
            "SELECT since_ms FROM history WHERE device = ? AND session = ?", .blob(device.bytes), .blob(session)
        ) { row throws(StoreError) in try row.integer(0) }
        // An answer to an exchange that has ended.
        guard let since = asked else { return }
        try connection.execute(
            "UPDATE history SET total = ?, asked_ms = ? WHERE device = ?", .integer(Int64(clamping: round.total)),
            .integer(now), .blob(device.bytes))
        guard !round.message.isEmpty else { return }
        let items = try itemsWithIDs(since: since, salt: session, in: connection)
        let (found, next) = try Reconciler(ItemSet(items.map(\.item))).take([UInt8](round.message))
        let have = Set(found.have)
        try sendMessages(items.filter { have.contains($0.item.id) }.map(\.message), to: device, in: connection)
        var wanted = found.need[...]
        var message = next
        while message != nil || !wanted.isEmpty {
            let part = Array(wanted.prefix(Limits.reconcileWanted))
            wanted = wanted.dropFirst(part.count)
            let bytes = message
            message = nil
            try send(
                .with {
                    $0.session = Data(session)
                    $0.sinceUnixMs = UInt64(clamping: since)
                    $0.message = Data(bytes ?? [])
                    $0.wanted = part
                }, to: device, in: connection)
        }
        // Nothing is left to ask for: the rest is on its way.
        if next == nil {
            try connection.execute("UPDATE history SET asked_ms = 0 WHERE device = ?", .blob(device.bytes))
        }
    }

    // MARK: Answering

    private func answer(_ round: WireReconcile, to device: DeviceID, in connection: Connection) throws {
        guard let allowed = try LinkRows.historySince(device, state: state, in: connection) else { return }
        let session = [UInt8](round.session)
        // What is older than the device may have is as if it were not there.
        let since = max(Int64(clamping: round.sinceUnixMs), allowed)
        let items = try itemsWithIDs(since: since, salt: session, in: connection)
        let wanted = Set(round.wanted)
        try sendMessages(items.filter { wanted.contains($0.item.id) }.map(\.message), to: device, in: connection)
        guard !round.message.isEmpty else { return }
        let message = try Reconciler(ItemSet(items.map(\.item))).answer([UInt8](round.message))
        try send(
            .with {
                $0.session = Data(session)
                $0.sinceUnixMs = round.sinceUnixMs
                $0.answer = true
                $0.message = Data(message)
                $0.total = UInt64(items.count)
            }, to: device, in: connection)
    }

    private func send(_ round: WireReconcile, to device: DeviceID, in connection: Connection) throws {
        try OutgoingMail(state: state).queueSync(.with { $0.reconcile = round }, only: device, in: connection)
    }

    /// Sends whole messages, as many in one as its size allows.
    private func sendMessages(_ ids: [Int64], to device: DeviceID, in connection: Connection) throws {
        let mail = OutgoingMail(state: state)
        var part: [WireSyncMessage] = []
        var bytes = 0
        func flush() throws {
            guard !part.isEmpty else { return }
            let messages = part
            try mail.queueSync(.with { $0.messages = messages }, only: device, in: connection)
            (part, bytes) = ([], 0)
        }
        for id in ids {
            guard let message = try MessageRows.wire(id, in: connection) else { continue }
            let size = message.text.utf8.count + 128
            if bytes + size > Self.messageBytes || part.count == Limits.syncElements { try flush() }
            part.append(message)
            bytes += size
        }
        try flush()
    }

    // MARK: The set

    private func items(since: Int64, salt: [UInt8], in connection: Connection) throws -> ItemSet {
        ItemSet(try itemsWithIDs(since: since, salt: salt, in: connection).map(\.item))
    }

    private func itemsWithIDs(
        since: Int64, salt: [UInt8], in connection: Connection
    ) throws -> [(item: ReconciliationItem, message: Int64)] {
        try connection.query(
            "SELECT id, message_id, sent_ms, state, deleted FROM message WHERE sent_ms >= ?", .integer(since)
        ) { row throws(StoreError) in
            let state = MessageState(rawValue: try row.integer(3)) ?? .unread
            // On its way, or not yet: what another device of the account has heard of it does not count.
            let progress = max(state.progress, .stored).rawValue
            let marks = progress | (state == .read ? 0x40 : 0) | (try row.flag(4) ? 0x80 : 0)
            return (
                ReconciliationItem(
                    time: UInt64(clamping: try row.integer(2)), salt: salt, content: try row.blob(1) + [marks]),
                try row.integer(0)
            )
        }
    }
}

extension MessageRows {
    /// A message for another own device.
    static func wire(_ id: Int64, in connection: Connection) throws(StoreError) -> WireSyncMessage? {
        try connection.first(
            """
            SELECT message_id, account, outgoing, sent_ms, text, message.state, deleted
            FROM message JOIN contact ON contact.id = message.contact WHERE message.id = ?
            """, .integer(id)
        ) { row throws(StoreError) in
            let (message, account) = (try row.blob(0), try row.blob(1))
            let (outgoing, sent, text) = (try row.flag(2), try row.integer(3), try row.text(4))
            let state = MessageState(rawValue: try row.integer(5)) ?? .unread
            let deleted = try row.flag(6)
            return .with {
                $0.id = Data(message)
                $0.conversation = Data(account)
                $0.outgoing = outgoing
                $0.sentUnixMs = UInt64(clamping: sent)
                $0.text = text
                $0.progress = UInt32(state.progress.rawValue)
                $0.seen = state == .read
                $0.deleted = deleted
            }
        }
    }
}
