import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The owner's chain: served to everybody with a grant, and extended by own devices.
extension NodeRequests {
    func fetchRoster(_ fetch: WireRosterFetch) async throws -> WireResponse {
        guard state.account != nil else { throw Refused(.notAllowed, "the node has no owner yet") }
        let after = Int64(clamping: fetch.after)
        let part = try await state.store.read {
            try RosterRows.encoded(after: after, bytes: Limits.rosterBytes, in: $0)
        }
        return .with {
            $0.rosterChain = .with {
                $0.entries = part.entries.map { Data($0) }
                $0.more = part.more
            }
        }
    }

    /// Compare and swap: the first entry that this node does not have must follow the newest one that it has. All of it
    /// is one commit: the entries, the grants, and what goes with devices that are not listed any more.
    func appendRoster(_ append: WireRosterAppend, by asker: NodeAccess.Entry) async throws -> WireResponse {
        guard let account = state.account else { throw Refused(.notAllowed, "the node has no owner yet") }
        let entries: [RosterEntry]
        do {
            entries = try append.entries.map { try RosterEntry([UInt8]($0)) }
        } catch {
            throw Refused(.rosterRefused, "\(error)")
        }
        // A removal does not wait for room on the disk.
        let result = try await state.write(by: asker, grows: !append.grants.isEmpty) {
            [state] connection -> RosterResult in
            let before = try RosterRows.load(account: account, in: connection)
            let extended = try RosterExtension(of: before, with: entries)
            if asker.kind == .recovery { try extended.requireRecovery() }
            try extended.store(in: connection)
            var change = AccessChange()
            if extended.isChanged {
                // Who has no words cannot say that of a device.
                let restored = asker.kind == .recovery && !append.restored.isEmpty ? [UInt8](append.restored) : nil
                change = try state.followRoster(extended.roster, restored: restored, in: connection)
            }
            for grant in append.grants {
                if let entry = try state.takeDevice(grant, extended.roster, in: connection) {
                    change.inserted.append(entry)
                }
            }
            return RosterResult(
                newest: extended.roster.newest, isChanged: extended.isChanged, change: change, turn: state.turn())
        }
        if result.isChanged { state.rosterChanged(to: result.newest, turn: result.turn) }
        await apply(result.change)
        if result.isChanged { await subscriptions.rosterChanged(to: result.newest.head) }
        return .with { $0.rosterAppended = .with { $0.head = Data(result.newest.head.bytes) } }
    }

    private struct RosterResult: Sendable {
        let newest: RosterEntry
        let isChanged: Bool
        let change: AccessChange
        let turn: UInt64
    }
}

extension NodeState {
    /// Makes the store follow a new head: what devices have that are not listed goes, and those that are listed have a
    /// mailbox, also when their grants come later.
    ///
    /// - Parameter restored: one of them, which was restored from a backup under another id.
    fileprivate func followRoster(
        _ roster: Roster, restored: [UInt8]?, in connection: Connection
    ) throws -> AccessChange {
        var change = AccessChange()
        let listed = Set(roster.devices.map(\.id))
        var gone: Set<DeviceID> = []
        for entry in try AccessRows.all(in: connection) {
            guard case .ownDevice(let device) = entry.kind, !listed.contains(device) else { continue }
            if device.bytes == restored {
                // The counter in memory is the newer one; an old copy has to be above it, too.
                let (retired, forgotten) = try AccessRows.retire(
                    access.entry(of: entry.grant) ?? entry, in: connection)
                change.removed += forgotten
                change.inserted.append(retired)
            } else {
                try AccessRows.delete(entry.grant.id, in: connection)
            }
            change.removed.append(entry.grant.id)
            gone.insert(device)
        }
        for device in try mailboxes.devices(in: connection) { gone.insert(try DeviceID(device)) }
        for device in gone.subtracting(listed) {
            try mailboxes.remove(device: device.bytes, clock: clock, in: connection)
            try PrekeyRows.delete(device: device.bytes, in: connection)
            for key in try InviteRow.unspent(by: device, in: connection) {
                change.removed += try RevokedRows.revoke(key, in: connection) ?? []
            }
        }
        for device in listed { try mailboxes.open(device: device.bytes, in: connection) }
        return change
    }

    /// Takes in the grant of a listed device.
    ///
    /// - Returns: nil when it is there already.
    fileprivate func takeDevice(
        _ grant: WireGrant, _ roster: Roster, in connection: Connection
    ) throws -> NodeAccess.Entry? {
        guard grant.kind == .ownDevice else { throw Refused(.malformed, "with the roster come grants of devices only") }
        let device = try DeviceID([UInt8](grant.device))
        guard roster.device(device) != nil else { throw Refused(.rosterRefused, "the device is not listed") }
        let key = [UInt8](grant.initiatorKey)
        let preSharedKey = SecretBytes(grant.preSharedKey)
        if let known = try AccessRows.find(key: key, in: connection)?.entry {
            guard known.kind == .ownDevice(device), known.grant.preSharedKey == preSharedKey else {
                throw Refused(.malformed, "the key is there for something else")
            }
            return nil
        }
        return try AccessRows.insert(
            key: key, preSharedKey: preSharedKey, kind: .ownDevice(device), in: connection)
    }
}
