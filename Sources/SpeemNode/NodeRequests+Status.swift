import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How the node is, for its owner.
struct NodeReport: Sendable {
    let uptime: Int64
    let stored: Int64
    let mailboxes: [MailboxState]
    let contacts: Int64
    let connections: Int
    let commits: Int64
    let outboxWaiting: Int64
    let routesInTrouble: Int64
}

extension NodeRequests {
    /// A hash over all grants and all withdrawals: nodes with the same have the same. Worked out when they have changed.
    func grantsDigest() async throws -> [UInt8] {
        // What is read below is at least as new as this, so a digest is never kept for what came later.
        let version = state.access.version
        if let known = state.access.digest(of: version) { return known }
        let digest = try await state.store.read { connection in
            BLAKE2b.hash(
                domain: DomainSeparator("grants"), try AccessRows.keys(in: connection).flatMap { $0 },
                try RevokedRows.keys(in: connection).flatMap { $0 })
        }
        state.access.remember(digest: digest, of: version)
        return digest
    }

    func report() async throws -> NodeReport {
        let clock = state.clock
        let read = try await state.store.read { [mailboxes = state.mailboxes, outbox = state.outbox] connection in
            (
                stored: try mailboxes.bytesUsed(in: connection),
                states: try mailboxes.states(clock: clock, in: connection), commits: try connection.commitNumber(),
                outbox: try outbox.counts(in: connection)
            )
        }
        return NodeReport(
            uptime: state.running.uptime, stored: read.stored, mailboxes: read.states,
            contacts: state.access.contacts, connections: server.connections, commits: read.commits,
            outboxWaiting: read.outbox.waiting, routesInTrouble: read.outbox.routesInTrouble)
    }

    func status(_ device: DeviceID) async throws -> WireResponse {
        let report = try await report()
        let read = try await state.store.read { connection in
            (
                unassigned: try PrekeyRows.unassigned(device: device.bytes, in: connection),
                head: try RosterRows.newest(in: connection)?.head.bytes
            )
        }
        let digest = try await grantsDigest()
        return .with {
            $0.nodeState = .with {
                $0.version = SpeemVersion.text
                $0.uptimeSeconds = UInt64(clamping: report.uptime)
                $0.storedBytes = UInt64(clamping: report.stored)
                $0.quotaBytes = UInt64(clamping: state.mailboxes.quota.total)
                $0.mailboxes = report.mailboxes.map { mailbox in
                    .with {
                        $0.device = Data(mailbox.device)
                        $0.envelopes = UInt64(clamping: mailbox.envelopes)
                        $0.bytes = UInt64(clamping: mailbox.bytes)
                        $0.oldestAgeSeconds = UInt64(clamping: mailbox.oldestAge)
                    }
                }
                $0.contactGrants = UInt32(clamping: report.contacts)
                $0.connections = UInt32(clamping: report.connections)
                $0.unassignedPrekeys = UInt32(clamping: read.unassigned)
                $0.nodeEpoch = Data(state.epoch)
                $0.commitNumber = UInt64(clamping: report.commits)
                $0.rosterHead = Data(read.head ?? [])
                $0.grantsDigest = Data(digest)
                $0.discoveryDigest = Data(state.discoveryKey?.digest ?? [])
                $0.outboxWaiting = UInt64(clamping: report.outboxWaiting)
                $0.clockUnsynchronised = state.clock.wall == nil
            }
        }
    }
}
