import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
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
///
/// Whoever asks goes on only when the last round was answered. So of a long history no more than two parts are on their
/// way at any time, and neither this device's queue nor the mailbox at the node fills up with it.
struct HistorySync: Sendable {
    let state: DeviceState

    /// Bytes of texts in one message.
    private static let messageBytes = 48 * 1024
    /// Bytes of texts that one round brings, but for its last message.
    private static let roundBytes = 192 * 1024
    /// Items that one round asks for.
    private static let roundItems: Int64 = 512
    /// Milliseconds after which a round counts as lost: with a node's disk, or because the other device was away for longer
    /// than a node keeps envelopes. What was exchanged by then is found to be there, so asking anew costs little.
    private static let patience: Int64 = 3 * 86_400_000

    /// Milliseconds after which two devices compare all the same: a node that lost something and went on before anybody looked
    /// is noticed by nobody.
    private static let interval: Int64 = 7 * 86_400_000

    // MARK: Asking

    /// The device that has linked this one says which of its history may be had. Nobody else has a say: a device that
    /// was allowed none would tell any other one to compare everything.
    func begin(_ linked: WireLinked, with device: DeviceID, now: Int64, in connection: Connection) throws {
        let sponsor = try connection.first("SELECT linked_by FROM device") { row throws(StoreError) in
            try row.optionalBlob(0)
        }
        guard linked.history, sponsor == device.bytes else { return }
        try begin(since: Int64(clamping: linked.historySinceUnixMs), with: device, now: now, in: connection)
    }

    /// Compares with other own devices what both may have: something may have been lost, or have missed one of them.
    func compare(with devices: [DeviceID], now: Int64, in connection: Connection) throws {
        for device in devices {
            guard let since = try OwnDeviceRows.since(device, in: connection) else { continue }
            try begin(since: since, with: device, now: now, in: connection)
        }
    }

    /// The same, and all registers: what was lost may have been one of these.
    func compareAll(with devices: [DeviceID], now: Int64, in connection: Connection) throws {
        for device in devices { try OwnSync(state: state).queueRegisters(to: device, in: connection) }
        try compare(with: devices, now: now, in: connection)
    }

    /// Begins anew what was not answered for too long, and what was not compared for long.
    func resume(now: Int64, in connection: Connection) throws {
        let due = try connection.query(
            "SELECT device, since_ms FROM history WHERE asked_ms <> 0 AND abs(?1 - asked_ms) > ?2", .integer(now),
            .integer(Self.patience)
        ) { row throws(StoreError) in (device: try row.blob(0), since: try row.integer(1)) }
        for row in due {
            let device = try DeviceError.stored("a device") { try DeviceID(row.device) }
            try begin(since: row.since, with: device, now: now, in: connection)
        }
        // The time counts from when a device was first seen.
        try connection.execute("UPDATE own_device SET compared_ms = ? WHERE compared_ms IS NULL", .integer(now))
        let old = try connection.query(
            """
            SELECT device FROM own_device WHERE abs(?1 - compared_ms) > ?2
                AND NOT EXISTS (SELECT 1 FROM history WHERE history.device = own_device.device AND asked_ms <> 0)
            """, .integer(now), .integer(Self.interval)
        ) { row throws(StoreError) in try row.blob(0) }
        try compareAll(
            with: old.map { bytes in try DeviceError.stored("a device") { try DeviceID(bytes) } }, now: now,
            in: connection)
    }

    /// Begins a new exchange. One that is going on with the device ends, and its time is taken over.
    func begin(since: Int64, with device: DeviceID, now: Int64, in connection: Connection) throws {
        let session = state.random.bytes(16)
        let going = try connection.first(
            "SELECT since_ms FROM history WHERE device = ? AND asked_ms <> 0", .blob(device.bytes)
        ) { row throws(StoreError) in try row.integer(0) }
        let since = min(since, going ?? since)
        try connection.execute("DELETE FROM history WHERE device = ?", .blob(device.bytes))
        try connection.execute(
            "INSERT INTO history (device, session, since_ms, asked_ms) VALUES (?, ?, ?, ?)", .blob(device.bytes),
            .blob(session), .integer(since), .integer(now))
        try connection.execute(
            "UPDATE own_device SET compared_ms = ? WHERE device = ?", .integer(now), .blob(device.bytes))
        let items = try itemsWithIDs(since: since, salt: session, in: connection).map(\.item)
        try ask(
            Exchange(device: device, session: session, since: since), Reconciler(ItemSet(items)).begin(), in: connection
        )
    }

    /// A round from another own device.
    func take(_ round: WireReconcile, from device: DeviceID, now: Int64, in connection: Connection) throws {
        if round.answer {
            try takeAnswer(round, from: device, now: now, in: connection)
        } else {
            try answer(round, to: device, in: connection)
        }
    }

    private struct Exchange {
        let device: DeviceID
        let session: [UInt8]
        let since: Int64
    }

    private func takeAnswer(
        _ round: WireReconcile, from device: DeviceID, now: Int64, in connection: Connection
    ) throws {
        let session = [UInt8](round.session)
        let since = try connection.first(
            "SELECT since_ms FROM history WHERE device = ? AND session = ? AND asked_ms <> 0", .blob(device.bytes),
            .blob(session)
        ) { row throws(StoreError) in try row.integer(0) }
        // An answer to an exchange that has ended.
        guard let since else { return }
        let exchange = Exchange(device: device, session: session, since: since)
        try connection.execute(
            "UPDATE history SET total = ?, asked_ms = ? WHERE device = ?", .integer(Int64(clamping: round.total)),
            .integer(now), .blob(device.bytes))
        if round.message.isEmpty {
            guard try settle(exchange, left: round.wanted, in: connection) else {
                return try end(exchange, in: connection)
            }
        } else {
            let items = try itemsWithIDs(since: since, salt: session, in: connection)
            let (found, next) = try Reconciler(ItemSet(items.map(\.item))).take([UInt8](round.message))
            try keep(found, items, exchange, in: connection)
            if let next { return try ask(exchange, next, in: connection) }
        }
        try exchangeNext(exchange, in: connection)
    }

    private func ask(_ exchange: Exchange, _ message: [UInt8], in connection: Connection) throws {
        try send(
            .with {
                $0.session = Data(exchange.session)
                $0.sinceUnixMs = UInt64(clamping: exchange.since)
                $0.message = Data(message)
            }, to: exchange.device, in: connection)
    }

    /// Writes down what was found, to be exchanged part by part.
    private func keep(
        _ found: Reconciler.Difference, _ items: [(item: ReconciliationItem, message: Int64)], _ exchange: Exchange,
        in connection: Connection
    ) throws {
        for item in found.need {
            try connection.execute(
                "INSERT INTO history_want (device, item) VALUES (?, ?) ON CONFLICT DO NOTHING",
                .blob(exchange.device.bytes), .integer(Int64(bitPattern: item)))
        }
        // What the other device may not have, it has not.
        guard !found.have.isEmpty, let allowed = try OwnDeviceRows.since(exchange.device, in: connection) else {
            return
        }
        let have = Set(found.have)
        for (item, message) in items where have.contains(item.id) && item.time >= UInt64(clamping: allowed) {
            try connection.execute(
                "INSERT INTO history_give (device, message) VALUES (?, ?) ON CONFLICT DO NOTHING",
                .blob(exchange.device.bytes), .integer(message))
        }
    }

    /// The last part has come, but for the items in `left`.
    ///
    /// - Returns: false when none of it has.
    private func settle(_ exchange: Exchange, left: [UInt64], in connection: Connection) throws -> Bool {
        let device = Value.blob(exchange.device.bytes)
        let asked = try connection.query("SELECT item FROM history_want WHERE device = ? AND asked = 1", device) {
            row throws(StoreError) in try row.integer(0)
        }
        let left = Set(left.map { Int64(bitPattern: $0) })
        try connection.execute("UPDATE history_want SET asked = 0 WHERE device = ?", device)
        let come = asked.filter { !left.contains($0) }
        for item in come {
            try connection.execute("DELETE FROM history_want WHERE device = ? AND item = ?", device, .integer(item))
        }
        return asked.isEmpty || !come.isEmpty
    }

    /// Brings the next part of what the other device lacks, and asks for the next part of what this one does.
    private func exchangeNext(_ exchange: Exchange, in connection: Connection) throws {
        let device = Value.blob(exchange.device.bytes)
        let gives = try connection.query(
            "SELECT message FROM history_give WHERE device = ? ORDER BY message LIMIT ?", device,
            .integer(Self.roundItems)
        ) { row throws(StoreError) in try row.integer(0) }
        let given = try sendMessages(gives, to: exchange.device, in: connection)
        for message in gives.prefix(given) {
            try connection.execute(
                "DELETE FROM history_give WHERE device = ? AND message = ?", device, .integer(message))
        }
        let wanted = try connection.query(
            """
            UPDATE history_want SET asked = 1 WHERE device = ?1 AND item IN
                (SELECT item FROM history_want WHERE device = ?1 LIMIT ?2) RETURNING item
            """, device, .integer(Self.roundItems)
        ) { row throws(StoreError) in UInt64(bitPattern: try row.integer(0)) }
        guard given > 0 || !wanted.isEmpty else { return try end(exchange, in: connection) }
        try send(
            .with {
                $0.session = Data(exchange.session)
                $0.sinceUnixMs = UInt64(clamping: exchange.since)
                $0.wanted = wanted
            }, to: exchange.device, in: connection)
    }

    private func end(_ exchange: Exchange, in connection: Connection) throws {
        let device = Value.blob(exchange.device.bytes)
        try connection.execute("UPDATE history SET asked_ms = 0 WHERE device = ?", device)
        try connection.execute("DELETE FROM history_want WHERE device = ?", device)
        try connection.execute("DELETE FROM history_give WHERE device = ?", device)
    }

    // MARK: Answering

    private func answer(_ round: WireReconcile, to device: DeviceID, in connection: Connection) throws {
        guard let allowed = try OwnDeviceRows.since(device, in: connection) else { return }
        let session = [UInt8](round.session)
        // What is older than the device may have is as if it were not there.
        let since = max(Int64(clamping: round.sinceUnixMs), allowed)
        let items = try itemsWithIDs(since: since, salt: session, in: connection)
        let message =
            round.message.isEmpty ? [] : try Reconciler(ItemSet(items.map(\.item))).answer([UInt8](round.message))
        let wanted = Set(round.wanted.prefix(Limits.reconcileWanted))
        var found = items.filter { wanted.contains($0.item.id) }.map { (id: $0.item.id, message: $0.message) }
        let changed = wanted.subtracting(found.map(\.id))
        if !changed.isEmpty { found += try withEarlierMarks(changed, since: since, salt: session, in: connection) }
        let given = try sendMessages(found.map(\.message), to: device, in: connection)
        try send(
            .with {
                $0.session = Data(session)
                $0.sinceUnixMs = round.sinceUnixMs
                $0.answer = true
                $0.message = Data(message)
                $0.wanted = found.dropFirst(given).map(\.id)
                $0.total = UInt64(items.count)
            }, to: device, in: connection)
    }

    private func send(_ round: WireReconcile, to device: DeviceID, in connection: Connection) throws {
        try OutgoingMail(state: state).queueSync(.with { $0.reconcile = round }, only: device, in: connection)
    }

    /// Sends whole messages, many in one, until they are enough for a round.
    ///
    /// - Returns: how many of `ids` are done with.
    private func sendMessages(_ ids: [Int64], to device: DeviceID, in connection: Connection) throws -> Int {
        let mail = OutgoingMail(state: state)
        var part: [WireSyncMessage] = []
        var (bytes, sent, count) = (0, 0, 0)
        func flush() throws {
            guard !part.isEmpty else { return }
            let messages = part
            try mail.queueSync(.with { $0.messages = messages }, only: device, in: connection)
            sent += bytes
            (part, bytes) = ([], 0)
        }
        for id in ids where sent + bytes < Self.roundBytes {
            count += 1
            guard let message = try MessageRows.wire(id, in: connection) else { continue }
            let size = message.text.utf8.count + 128
            if bytes + size > Self.messageBytes || part.count == Limits.syncElements { try flush() }
            part.append(message)
            bytes += size
        }
        try flush()
        return count
    }

    // MARK: The set

    private func itemsWithIDs(
        since: Int64, salt: [UInt8], in connection: Connection
    ) throws -> [(item: ReconciliationItem, message: Int64)] {
        try connection.query(
            "SELECT id, message_id, sent_ms, state, deleted FROM message WHERE sent_ms >= ?", .integer(since)
        ) { row throws(StoreError) in
            let state = MessageState(rawValue: try row.integer(3)) ?? .unread
            let marks = Self.marks(progress: state.progress, seen: state == .read, deleted: try row.flag(4))
            return (
                ReconciliationItem(
                    time: UInt64(clamping: try row.integer(2)), salt: salt, content: try row.blob(1) + [marks]),
                try row.integer(0)
            )
        }
    }

    /// On its way, or not yet: what another device of the account has heard of it does not count.
    private static func marks(progress: MessageRecord.Progress, seen: Bool, deleted: Bool) -> UInt8 {
        max(progress, .stored).rawValue | (seen ? 0x40 : 0) | (deleted ? 0x80 : 0)
    }

    /// All that a message may have been marked with.
    private static let allMarks: [(outgoing: Bool, marks: UInt8)] = [false, true].flatMap { deleted in
        [MessageRecord.Progress.stored, .delivered, .read].map {
            (outgoing: true, marks: marks(progress: $0, seen: false, deleted: deleted))
        } + [false, true].map { (outgoing: false, marks: marks(progress: .none, seen: $0, deleted: deleted)) }
    }

    /// Messages that the other device has asked for as they were when they were listed: they were read, delivered or deleted
    /// since.
    private func withEarlierMarks(
        _ wanted: Set<UInt64>, since: Int64, salt: [UInt8], in connection: Connection
    ) throws(StoreError) -> [(id: UInt64, message: Int64)] {
        var found: [(id: UInt64, message: Int64)] = []
        try connection.forEach(
            "SELECT id, message_id, sent_ms, outgoing FROM message WHERE sent_ms >= ?", .integer(since)
        ) { row throws(StoreError) in
            let (message, id, time) = (try row.integer(0), try row.blob(1), UInt64(clamping: try row.integer(2)))
            let isOutgoing = try row.flag(3)
            for (outgoing, marks) in Self.allMarks where outgoing == isOutgoing {
                let item = ReconciliationItem(time: time, salt: salt, content: id + [marks])
                if wanted.contains(item.id) { found.append((item.id, message)) }
            }
            return found.count < wanted.count ? .next : .stop
        }
        return found
    }
}

extension MessageRows {
    /// A message for another own device.
    static func wire(_ id: MessageID, in connection: Connection) throws(StoreError) -> WireSyncMessage? {
        try connection.first("SELECT id FROM message WHERE message_id = ?", .blob(id.bytes)) { row throws(StoreError) in
            try row.integer(0)
        }.flatMap { number throws(StoreError) in try wire(number, in: connection) }
    }

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
