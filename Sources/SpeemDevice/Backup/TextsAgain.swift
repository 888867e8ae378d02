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

/// What was sent to a device between its backup and its restore, and is confirmed by it, is kept by nobody for sending; but it
/// stands in the sender's own history. A restored device whose account has no other one asks each contact for that.
struct TextsAgain: Sendable {
    let state: DeviceState

    /// Texts that are sent again at the most: the newest.
    static let maxTexts: Int64 = 1000
    /// Devices of one contact that are answered in a day: each may ask for much, and whoever has the account key makes as many as
    /// it likes.
    static let maxDevicesPerDay: Int64 = 4
    /// Bytes of them at the most.
    private static let maxBytes = 2 * 1024 * 1024
    /// Bytes of texts in one message.
    private static let messageBytes = 48 * 1024

    // MARK: Asked

    /// A contact's device was restored. It gets the texts of this account in this one conversation, once: where the account key
    /// has listed it, which no device has, so that one that was linked without history does not get it from contacts.
    ///
    /// - Parameter now: Unix seconds.
    func answer(
        _ restored: WireRestored, of contact: Contact, _ device: DeviceID, now: Int64, in connection: Connection
    ) throws {
        guard try ContactRows.roster(of: contact, in: connection).isRecovered(device) else {
            throw IncomingMail.Unwelcome(description: "a device that was not restored asks for old messages")
        }
        let recent = try connection.first(
            "SELECT count(*) FROM restored_device WHERE contact = ? AND abs(? - made) < 86400", .integer(contact.id),
            .integer(now)
        ) { row throws(StoreError) in try row.integer(0) }
        guard recent ?? 0 < Self.maxDevicesPerDay else {
            throw IncomingMail.Unwelcome(description: "too many restored devices in a day ask for old messages")
        }
        try connection.execute(
            "INSERT INTO restored_device (contact, device, made) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            .integer(contact.id), .blob(device.bytes), .integer(now))
        guard connection.changes > 0 else { return }
        let since = Int64(clamping: restored.sinceUnixMs)
        let numbers = try numbers(of: contact.id, since: since, in: connection)
        let mail = OutgoingMail(state: state)
        var part = WireTextsAgain()
        var bytes = 0
        for number in numbers.sent.reversed() {
            guard let text = try Self.text(number, in: connection) else { continue }
            let size = text.text.utf8.count + 64
            if !part.texts.isEmpty, bytes + size > Self.messageBytes || part.texts.count == Limits.textsAgain {
                try mail.queueTextsAgain(part, to: contact, only: device, in: connection)
                (part, bytes) = (WireTextsAgain(), 0)
            }
            part.texts.append(text)
            bytes += size
        }
        part.omitted = numbers.omitted
        part.last = true
        try mail.queueTextsAgain(part, to: contact, only: device, in: connection)
    }

    /// The numbers of the newest texts that the other side may have had, newest first, and how many are too many.
    private func numbers(
        of contact: Int64, since: Int64, in connection: Connection
    ) throws(StoreError) -> (sent: [Int64], omitted: UInt32) {
        var numbers: [Int64] = []
        var bytes = 0
        var omitted: UInt32 = 0
        try connection.forEach(
            """
            SELECT id, length(CAST(text AS BLOB)) FROM message WHERE contact = ? AND outgoing = 1 AND deleted = 0
                AND sent_ms >= ? AND state NOT IN (?, ?) ORDER BY id DESC
            """, .integer(contact), .integer(since), .integer(MessageState.waiting.rawValue),
            .integer(MessageState.failed.rawValue)
        ) { row throws(StoreError) in
            bytes += Int(clamping: try row.integer(1))
            if omitted == 0, numbers.count < Int(Self.maxTexts), bytes <= Self.maxBytes {
                numbers.append(try row.integer(0))
            } else {
                omitted = omitted == .max ? omitted : omitted + 1
            }
            return .next
        }
        return (numbers, omitted)
    }

    private static func text(_ number: Int64, in connection: Connection) throws(StoreError) -> WireTextAgain? {
        try connection.first("SELECT message_id, sent_ms, text FROM message WHERE id = ?", .integer(number)) {
            row throws(StoreError) in
            let (id, sent, text) = (try row.blob(0), try row.integer(1), try row.text(2))
            return .with {
                $0.id = Data(id)
                $0.sentUnixMs = UInt64(clamping: sent)
                $0.text = text
            }
        }
    }

    // MARK: Answered

    /// A contact has sent its texts again. They are its own, under the ids that they had; what is known stays as it is.
    ///
    /// - Returns: whether one was new.
    func take(_ again: WireTextsAgain, from contact: Contact, in connection: Connection) throws -> Bool {
        guard try RestoreRows.find(in: connection)?.phase == .done else {
            throw IncomingMail.Unwelcome(description: "nobody has asked for old messages")
        }
        var count: Int64 = 0
        for text in again.texts where !text.text.isEmpty {
            let id = try MessageID([UInt8](text.id))
            // One message is in one conversation.
            guard try !MessageRows.isKnown(id.bytes, in: connection) else { continue }
            try MessageRows.insert(
                contact: contact.id, id: id, outgoing: false, text: text.text,
                sent: Int64(clamping: text.sentUnixMs), in: connection)
            count += 1
        }
        try connection.execute(
            "UPDATE contact SET texts_again = texts_again + ? WHERE id = ?", .integer(count), .integer(contact.id))
        if again.last { try report(contact, omitted: again.omitted, in: connection) }
        return count > 0
    }

    private func report(_ contact: Contact, omitted: UInt32, in connection: Connection) throws {
        let recovered =
            try connection.first("SELECT texts_again FROM contact WHERE id = ?", .integer(contact.id)) {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        guard recovered > 0 || omitted > 0 else { return }
        var words =
            "\(contact.name) has sent again what came after the backup: \(recovered) "
            + (recovered == 1 ? "message was" : "messages were") + " recovered"
        if omitted > 0 { words += "; \(omitted) older ones were too many" }
        try NoticeRows.insert(.words(words), in: connection)
        try connection.execute("UPDATE contact SET texts_again = 0 WHERE id = ?", .integer(contact.id))
    }
}
