import Logging
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a device looks after at each own node when it comes by: the same roster and grants everywhere, and a node that
/// has lost something gets it again.
struct NodeVisit: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let node: OwnNode

    /// Unix seconds, for the age of invites.
    let now: Int64

    func run(over connection: ClientConnection) async throws {
        // Before the node is asked: what others name later it need not have.
        let wanted = try await state.store.read { try ContactRows.own(in: $0).wantedHead }
        let status = try await connection.nodeStatus()
        let epoch = try await compareDisk(status, over: connection)
        try await compareRosters(status, over: connection)
        if let wanted, try await state.listedNodes().first?.noise == node.entry.noise {
            try await state.store.write { [state] in
                try OwnRoster.require(RosterHead(wanted), state: state, in: $0)
            }
        }
        if try await compareGrants(status, over: connection) { state.logger.debug("grants carried to a node") }
        try await bringInvites(over: connection)
        try await bringDiscoveryKey(status, over: connection)
        try await removeRoutes(over: connection)
        let commits = Int64(clamping: status.commitNumber)
        let state = state
        try await state.store.write { [node] connection in
            try OwnNodeRows.saw(
                node.entry, epoch: epoch, commits: commits, knowsTime: !status.clockUnsynchronised, in: connection)
            // It was replaced, and has brought all that it had.
            if node.isRetired, status.outboxWaiting == 0 {
                try RouteRows.withdraw(node: node.entry.noise.bytes, state: state, in: connection)
            }
        }
    }

    // MARK: An older disk

    /// A step back of the commit number in the same epoch means an older disk: the node is told to forget what that makes
    /// dangerous. Another epoch means that this has happened, or that the board is new.
    ///
    /// - Returns: the node's epoch from now on.
    private func compareDisk(_ status: WireNodeState, over connection: ClientConnection) async throws -> [UInt8] {
        var epoch = [UInt8](status.nodeEpoch)
        // As it is now: another visit may have been faster.
        let account = state.account
        let nodes = try await state.store.read { try OwnNodeRows.all(account: account, in: $0) }
        guard let current = nodes.first(where: { $0.entry.noise == node.entry.noise }), let known = current.epoch
        else { return epoch }
        if known == epoch {
            guard Int64(clamping: status.commitNumber) < min(current.commitNumber, node.commitNumber) else {
                return epoch
            }
            state.logger.error("the node's store has gone back: it was restored from an older copy")
            let response = try await connection.request(
                .with { $0.nodeReset = .with { $0.nodeEpoch = status.nodeEpoch } })
            try response.requireNoRefusal()
            guard case .nodeWasReset(let reset) = response.kind else { throw TransportError.violation("not a reset") }
            epoch = [UInt8](reset.nodeEpoch)
        }
        try await beginAnew(epoch)
        return epoch
    }

    /// The node has none of our prekeys and invites any more, maybe not what it was to forward, and has lost mail that it had
    /// taken. One commit: so it happens once.
    private func beginAnew(_ epoch: [UInt8]) async throws {
        let key = node.entry.noise.bytes
        let state = state
        state.logger.notice("the node has another epoch than before: it gets prekeys and grants again")
        try await state.store.write { connection in
            try connection.execute(
                """
                UPDATE own_node SET node_epoch = ?, commit_number = 0, prekeys = 0, grants = NULL, invites_due = 1
                WHERE node_key = ?
                """, .blob(epoch), .blob(key))
            try OutgoingRows.requeue(node: key, in: connection)
            // What it had taken for own devices may be gone, too.
            let others = try OwnRoster.load(account: state.account, in: connection).devices.map(\.id)
            for device in others where device != state.id {
                try OwnSync(state: state).queueState(to: device, in: connection)
            }
            try HistorySync(state: state).compare(
                with: others.filter { $0 != state.id }, now: WallClock.system.milliseconds(), in: connection)
            for contact in try ContactRows.all(in: connection) {
                try OutgoingMail(state: state).queueNotice(mailLost: true, to: contact, in: connection)
            }
            try NoticeRows.insert(
                .words("a node of yours came back with an older disk, or a new one: what it has lost is brought again"),
                in: connection)
        }
    }

    /// Invites that the node has lost, and that somebody may still take up.
    private func bringInvites(over connection: ClientConnection) async throws {
        let key = node.entry.noise.bytes
        let now = now
        let invites = try await state.store.read { connection in
            try connection.first(
                "SELECT 1 FROM own_node WHERE node_key = ? AND invites_due = 1 AND retired = 0", .blob(key)
            ) { row throws(StoreError) in try row.integer(0) } != nil
                ? try OwnInviteRows.unused(now: now, in: connection) : nil
        }
        guard let invites else { return }
        for invite in invites {
            let response = try await connection.request(
                .with {
                    $0.inviteRegister = .init(
                        invite.isLink ? .link : .contact, InviteKeys(secret: invite.secret),
                        lifetime: invite.expires - now, expires: invite.expires)
                })
            do {
                try response.requireNoRefusal()
            } catch let error as RefusalError where !error.isTemporary {
                state.logger.notice("an invite is not brought to the node again: \(error)")
            }
        }
        try await state.store.write {
            try $0.execute("UPDATE own_node SET invites_due = 0 WHERE node_key = ?", .blob(key))
        }
    }

    /// Routes to contacts that were removed.
    private func removeRoutes(over connection: ClientConnection) async throws {
        let key = node.entry.noise.bytes
        for route in try await state.store.read({ try RemovedRoutes.all(at: key, in: $0) }) {
            try await connection.request(.with { $0.routeRemove = .with { $0.route = Data(route) } })
                .requireNoRefusal()
            try await state.store.write { try RemovedRoutes.done(route, at: key, in: $0) }
        }
    }

    /// What the node is recognised by on its network.
    private func bringDiscoveryKey(_ status: WireNodeState, over connection: ClientConnection) async throws {
        guard !node.isRetired, let key = try await state.store.read({ try DiscoveryRows.own(in: $0) }) else { return }
        let endpoint = key.endpoint(node.entry.noise.bytes)
        guard [UInt8](status.discoveryDigest) != endpoint.digest else { return }
        let response = try await connection.request(
            .with { $0.discoverySet = .with { $0.key = Data(endpoint.secret.exposedCopy()) } })
        try response.requireNoRefusal()
    }

    // MARK: Rosters

    private func compareRosters(_ status: WireNodeState, over connection: ClientConnection) async throws {
        let head = [UInt8](status.rosterHead)
        let roster = try await state.roster()
        guard head != roster.head.bytes else { return }
        let flow = RosterFlow(state: state, connections: connections)
        if let position = roster.entries.firstIndex(where: { $0.head.bytes == head }) {
            try await append(Array(roster.entries[(position + 1)...]), over: connection)
            return
        }
        let judgement = try await flow.fetch(over: connection)
        // A branch that the account key signed wins there, too.
        if case .forkThatLoses(let after) = judgement {
            // As it is now: it was judged after the node had answered, and may be another one since.
            let current = try await state.roster()
            try await append(Array(current.entries.dropFirst(Int(clamping: after))), over: connection)
        }
    }

    private func append(_ entries: [RosterEntry], over connection: ClientConnection) async throws {
        let response = try await connection.request(
            .with { $0.rosterAppend = .with { $0.entries = entries.map { Data($0.encoded) } } })
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError {
            state.logger.warning("the node does not take the roster: \(error)")
        }
    }

    // MARK: Grants

    /// Carries grants and withdrawals both ways.
    private func compareGrants(_ status: WireNodeState, over connection: ClientConnection) async throws -> Bool {
        let digest = [UInt8](status.grantsDigest)
        let key = node.entry.noise.bytes
        let isSame = try await state.store.read { connection in
            try connection.first(
                """
                SELECT 1 FROM own_node WHERE node_key = ? AND grants = ?
                    AND grants_version = (SELECT grants_version FROM device)
                """, .blob(key), .blob(digest)
            ) { row throws(StoreError) in try row.integer(0) } != nil
        }
        guard !isSame else { return false }
        let theirs = try await connection.grants()
        let missing = try await state.store.write { try NodeGrantRows.join(theirs, in: $0) }
        // One that is not listed any more serves nobody; what it has is for those that took its place.
        if !node.isRetired { try await connection.put(missing) }
        let after = try await connection.nodeStatus()
        try await state.store.write { connection in
            try connection.execute(
                """
                UPDATE own_node SET grants = ?, grants_version = (SELECT grants_version FROM device)
                WHERE node_key = ?
                """, .blob([UInt8](after.grantsDigest)), .blob(key))
        }
        return !missing.isEmpty
    }
}

/// The grants of a node, and the keys that were withdrawn there.
struct NodeGrants: Sendable {
    var grants: [WireGrant] = []
    var revoked: [[UInt8]] = []

    var isEmpty: Bool { grants.isEmpty && revoked.isEmpty }
}

extension ClientConnection {
    func nodeStatus() async throws -> WireNodeState {
        let response = try await request(.with { $0.nodeStatus = WireNodeStatus() })
        try response.requireNoRefusal()
        guard case .nodeState(let status) = response.kind else { throw TransportError.violation("not a status") }
        return status
    }

    /// Pages of grants at the most: more than a node holds.
    private static var maxPages: Int { 64 }

    func grants() async throws -> NodeGrants {
        var result = NodeGrants()
        var after = Data()
        for _ in 0..<Self.maxPages {
            let last = after
            let response = try await request(.with { $0.grantList = .with { $0.after = last } })
            try response.requireNoRefusal()
            guard case .grantPage(let page) = response.kind else { throw TransportError.violation("not grants") }
            result.grants += page.grants
            result.revoked += page.revoked.map { [UInt8]($0) }
            guard page.more, let next = page.grants.last?.initiatorKey else { return result }
            after = next
        }
        return result
    }

    func put(_ grants: NodeGrants) async throws {
        var left = grants
        while !left.isEmpty {
            let part = NodeGrants(
                grants: Array(left.grants.prefix(Limits.grants)),
                revoked: Array(left.revoked.prefix(Limits.revokedKeys)))
            left.grants.removeFirst(part.grants.count)
            left.revoked.removeFirst(part.revoked.count)
            let response = try await request(
                .with {
                    $0.grantPut = .with {
                        $0.grants = part.grants
                        $0.revoked = part.revoked.map { Data($0) }
                    }
                })
            try response.requireNoRefusal()
        }
    }
}

/// The grants of the own nodes as this device last saw them.
enum NodeGrantRows {
    /// Takes over what a node has.
    ///
    /// - Returns: what it has not.
    static func join(_ theirs: NodeGrants, in connection: Connection) throws -> NodeGrants {
        var changes = 0
        for key in theirs.revoked { changes += try revoke(key, in: connection) }
        for grant in theirs.grants {
            let key = [UInt8](grant.initiatorKey)
            guard try !isRevoked(key, in: connection) else { continue }
            try connection.execute(
                "INSERT INTO node_grant (initiator_key, encoded) VALUES (?, ?) ON CONFLICT DO NOTHING", .blob(key),
                .blob(try grant.serializedBytes()))
            changes += connection.changes
        }
        if changes > 0 { try changed(in: connection) }
        let known = Set(theirs.grants.map(\.initiatorKey))
        let mine = try connection.query("SELECT encoded FROM node_grant") { row throws(StoreError) in try row.blob(0) }
        let revoked = Set(theirs.revoked)
        return NodeGrants(
            grants: try mine.map { try WireGrant(serializedBytes: $0) }.filter { !known.contains($0.initiatorKey) },
            revoked: try connection.query("SELECT initiator_key FROM node_grant_revoked") {
                row throws(StoreError) in try row.blob(0)
            }.filter { !revoked.contains($0) })
    }

    static func find(_ key: [UInt8], in connection: Connection) throws -> WireGrant? {
        try connection.first("SELECT encoded FROM node_grant WHERE initiator_key = ?", .blob(key)) {
            row throws(StoreError) in try row.blob(0)
        }.map { bytes in try WireGrant(serializedBytes: bytes) }
    }

    /// Withdraws a key, at all own nodes with the next visit.
    ///
    /// - Returns: 1 when it was not withdrawn before.
    @discardableResult
    static func revoke(_ key: [UInt8], in connection: Connection) throws(StoreError) -> Int {
        try connection.execute("DELETE FROM node_grant WHERE initiator_key = ?", .blob(key))
        try connection.execute(
            "INSERT INTO node_grant_revoked (initiator_key) VALUES (?) ON CONFLICT DO NOTHING", .blob(key))
        return connection.changes
    }

    static func isRevoked(_ key: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM node_grant_revoked WHERE initiator_key = ?", .blob(key)) {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    /// Counts the changes of the grants here.
    static func version(in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT grants_version FROM device") { row throws(StoreError) in try row.integer(0) } ?? 0
    }

    static func changed(in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE device SET grants_version = grants_version + 1")
    }
}
