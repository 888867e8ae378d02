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

    /// Compare and swap: the entry must follow the newest one that this node has.
    func appendRoster(_ append: WireRosterAppend) async throws -> WireResponse {
        guard let account = state.account else { throw Refused(.notAllowed, "the node has no owner yet") }
        let entries: [RosterEntry]
        do {
            entries = try append.entries.map { try RosterEntry([UInt8]($0)) }
        } catch {
            throw Refused(.rosterRefused, "\(error)")
        }
        let ownKey = state.noiseKey.publicKey
        let clock = state.clock
        let (removed, head) = try await state.write { [mailboxes = state.mailboxes] connection in
            var roster = try RosterRows.load(account: account, in: connection)
            for entry in entries where !roster.contains(entry.head) {
                guard entry.previous == roster.head else {
                    throw Refused(.rosterConflict, "the roster has changed in between", head: roster.head)
                }
                do { try roster.append(entry) } catch { throw Refused(.rosterRefused, "\(error)") }
                guard roster.nodes.contains(where: { $0.noise == ownKey }) else {
                    throw Refused(.rosterRefused, "the entry does not list this node")
                }
                try RosterRows.insert(entry, in: connection)
            }
            // A device that is no longer listed loses its grants and its mailbox in the same commit.
            var removed: [Int64] = []
            for row in try AccessRows.all(in: connection) {
                guard case .ownDevice(let device) = row.kind, roster.device(device) == nil else { continue }
                try AccessRows.delete(row.grant.id, in: connection)
                try mailboxes.remove(device: device.bytes, clock: clock, in: connection)
                removed.append(row.grant.id)
            }
            return (removed, roster.head)
        }
        state.access.remove(removed)
        server.closeRevoked(removed)
        return .with { $0.rosterAppended = .with { $0.head = Data(head.bytes) } }
    }
}
