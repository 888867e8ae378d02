import Logging
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

/// What a contact's newer roster changes, in the transaction it is given.
struct ContactRoster: Sendable {
    let state: DeviceState

    /// Takes a chain that was judged to be the better one.
    func take(
        _ roster: Roster, of contact: Contact, before: Roster, now: Int64 = WallClock.system.milliseconds(),
        in connection: Connection
    ) throws {
        try ContactRows.setRoster(roster, of: contact.id, in: connection)
        // Before anything is dropped: what only a removed device was to get goes to another.
        try OutgoingMail(state: state).revise(for: contact, roster, in: connection)
        for device in before.devices where roster.device(device.id) == nil {
            state.logger.notice("a device of contact \(contact.id) was removed")
            // It reads nothing more, and below what let it in at our nodes is withdrawn.
            try SessionRows.close(device: device.id, contact: contact.id, in: connection)
            try OutgoingRows.forget(device: device.id, contact: contact.id, in: connection)
        }
        try ContactKeyRows.withdrawRemoved(of: contact.id, listed: roster, by: [before, roster], in: connection)
        // It may have sent to some own devices and not to others, and from now on nobody takes what it sends.
        let own = try OwnRoster.load(account: state.account, in: connection)
        try HistorySync(state: state).compare(
            with: RosterWatch.compares(state.id, old: before, new: roster, own: own), now: now, in: connection)
        // A node that is not listed any more may be gone, and with it what no device has fetched yet.
        if before.nodes.contains(where: { old in !roster.nodes.contains { $0.noise == old.noise } }) {
            try OutgoingRows.resend(contact: contact.id, in: connection)
        }
    }

    /// No known node of the contact answers: what the contact itself has told is taken, where it goes on from the known chain.
    ///
    /// While a node answers, its word counts: there a device that was removed meanwhile cannot add an entry.
    ///
    /// - Returns: whether there are other nodes now.
    func takeTold(by contact: Contact, in connection: Connection) throws -> Bool {
        let told = try connection.first("SELECT told_roster FROM contact WHERE id = ?", .integer(contact.id)) {
            row throws(StoreError) in try row.optionalBlob(0)
        }
        guard case .some(.some(let bytes)) = told else { return false }
        try connection.execute("UPDATE contact SET told_roster = NULL WHERE id = ?", .integer(contact.id))
        let known = try ContactRows.roster(of: contact, in: connection)
        let next: Roster
        do {
            next = try Self.following(known, WireRosterChain(serializedBytes: bytes).entries)
        } catch {
            state.logger.warning(
                "contact \(contact.id) has told a roster that does not go on from the known one: \(error)")
            return false
        }
        guard known.judge(next).isTaken else { return false }
        try take(next, of: contact, before: known, in: connection)
        return known.nodes != next.nodes
    }

    /// The known chain with the entries that somebody tells.
    ///
    /// - Throws: ``SpeemIdentity/IdentityError`` where they do not go on from it.
    static func following(_ known: Roster, _ told: [Data]) throws -> Roster {
        var next = known
        for encoded in told {
            let entry = try RosterEntry([UInt8](encoded))
            if !next.contains(entry.head) { try next.append(entry) }
        }
        return next
    }
}

extension ContactRows {
    /// Keeps the newest entries of a contact's chain as the contact tells them: for when no known node of it answers.
    static func told(_ entries: [Data], by contact: Int64, in connection: Connection) throws {
        guard !entries.isEmpty else { return }
        let chain = WireRosterChain.with { $0.entries = entries }
        try connection.execute(
            "UPDATE contact SET told_roster = ? WHERE id = ? AND is_self = 0", .blob(try chain.serializedBytes()),
            .integer(contact))
    }
}
