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

/// How the node is, for its owner: what `speem status` on either side and Prometheus show.
struct NodeReport: Sendable {
    let uptime: Int64
    let isOwned: Bool
    let isRetired: Bool
    let stored: Int64
    let quota: Int64
    let mailboxes: [MailboxState]
    let contacts: Int64
    let connections: Int
    /// Own devices that are connected, each once, by their ids.
    let devicesOnline: [[UInt8]]
    /// Contacts that are connected. The node knows no names.
    let contactsOnline: Int
    let commits: Int64
    let outboxWaiting: Int64
    let routesInTrouble: Int64
    let clock: ClockTrust
    let disk: Store.DiskState
    /// Whether the store waits to be unlocked.
    var isLocked: Bool { false }
    /// What opens the store: as the configuration says it.
    let keySource: String
}

extension NodeRequests {
    func report() async throws -> NodeReport {
        let clock = state.clock
        let disk = try await state.store.diskState()
        let read = try await state.store.read { [mailboxes = state.mailboxes, outbox = state.outbox] connection in
            (
                stored: try mailboxes.bytesUsed(in: connection),
                states: try mailboxes.states(clock: clock, in: connection), commits: try connection.commitNumber(),
                outbox: try outbox.counts(in: connection)
            )
        }
        let online = state.access.entries(of: server.connectedGrants)
        let devices = Set(
            online.compactMap { entry -> DeviceID? in
                if case .ownDevice(let device) = entry.kind { device } else { nil }
            })
        return NodeReport(
            uptime: state.running.uptime, isOwned: state.account != nil, isRetired: state.isRetired,
            stored: read.stored, quota: state.mailboxes.quota.total, mailboxes: read.states,
            contacts: state.access.contacts, connections: server.connections,
            devicesOnline: devices.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) },
            contactsOnline: Set(online.filter { $0.kind.isOfContact }.map(\.party)).count, commits: read.commits,
            outboxWaiting: read.outbox.waiting, routesInTrouble: read.outbox.routesInTrouble,
            clock: state.running.trust, disk: disk, keySource: keySource)
    }
}

extension NodeReport {
    /// For the control socket; the names are stable.
    var json: [String: JSON] {
        let online = Set(devicesOnline)
        func count(_ value: UInt64?) -> JSON { value.map { .integer(Int64(clamping: $0)) } ?? .null }
        return [
            "version": .string(SpeemVersion.text),
            "owned": .bool(isOwned),
            "retired": .bool(isRetired),
            "locked": .bool(isLocked),
            "key": .string(keySource),
            "uptime_seconds": .integer(uptime),
            "clock_synchronised": .bool(clock.isTrusted),
            "clock_reason": .string(clock.words),
            "stored_bytes": .integer(stored),
            "quota_bytes": .integer(quota),
            "written_bytes": count(disk.written),
            "disk": .object([
                "used_bytes": count(disk.space?.used), "free_bytes": count(disk.space?.free),
                "total_bytes": count(disk.space?.total), "refuses": .bool(disk.refuses),
            ]),
            "contacts": .integer(contacts),
            "connections": .integer(Int64(connections)),
            "online": .object([
                "devices": .array(devicesOnline.map { .string(Hex.encode($0)) }),
                "contacts": .integer(Int64(contactsOnline)),
            ]),
            "commits": .integer(commits),
            "mailboxes": .array(
                mailboxes.map { mailbox in
                    .object([
                        "device": .string(Hex.encode(mailbox.device)), "envelopes": .integer(mailbox.envelopes),
                        "bytes": .integer(mailbox.bytes), "oldest_age_seconds": .integer(mailbox.oldestAge),
                        "online": .bool(online.contains(mailbox.device)),
                    ])
                }),
            "outbox": .object([
                "waiting": .integer(outboxWaiting), "routes_in_trouble": .integer(routesInTrouble),
            ]),
        ]
    }

    /// Fills in what the wire tells of it.
    func fill(_ wire: inout WireNodeState) {
        wire.version = SpeemVersion.text
        wire.uptimeSeconds = UInt64(clamping: uptime)
        wire.storedBytes = UInt64(clamping: stored)
        wire.quotaBytes = UInt64(clamping: quota)
        wire.mailboxes = mailboxes.map { mailbox in
            .with {
                $0.device = Data(mailbox.device)
                $0.envelopes = UInt64(clamping: mailbox.envelopes)
                $0.bytes = UInt64(clamping: mailbox.bytes)
                $0.oldestAgeSeconds = UInt64(clamping: mailbox.oldestAge)
            }
        }
        wire.contactGrants = UInt32(clamping: contacts)
        wire.connections = UInt32(clamping: connections)
        wire.commitNumber = UInt64(clamping: commits)
        wire.outboxWaiting = UInt64(clamping: outboxWaiting)
        wire.clockUnsynchronised = !clock.isTrusted
        wire.clockReason = clock.words
        wire.diskUsedBytes = disk.space?.used ?? 0
        wire.diskFreeBytes = disk.space?.free ?? 0
        wire.diskTotalBytes = disk.space?.total ?? 0
        wire.diskRefuses = disk.refuses
        wire.writtenBytes = disk.written ?? 0
        wire.devicesOnline = devicesOnline.map { Data($0) }
        wire.contactsOnline = UInt32(clamping: contactsOnline)
        wire.keySource = keySource
    }
}
