import SpeemMailbox
import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Grants: withdrawn, carried from one own node to another, begun anew after a disk went back; and the routes that
/// contacts make.
extension NodeRequests {
    func revokeGrant(_ revoke: WireGrantRevoke, by asker: NodeAccess.Entry) async throws -> WireResponse {
        let key = [UInt8](revoke.initiatorKey)
        let removed = try await state.write(by: asker, grows: false) { connection in
            guard let removed = try RevokedRows.revoke(key, in: connection) else {
                throw Refused(.notAllowed, "a device is removed through the roster")
            }
            return removed
        }
        await apply(AccessChange(removed: removed))
        return .with { $0.grantRevoked = .with { $0.existed = !removed.isEmpty } }
    }

    func listGrants(_ list: WireGrantList) async throws -> WireResponse {
        let after = [UInt8](list.after)
        let read = try await state.store.read { connection in
            (
                rows: try AccessRows.page(after: after, count: Limits.grants + 1, in: connection),
                revoked: after.isEmpty ? try RevokedRows.newest(Limits.revokedKeys, in: connection) : [],
                parties: try PartyRows.names(in: connection)
            )
        }
        return .with {
            $0.grantPage = .with {
                $0.grants = read.rows.prefix(Limits.grants).map { WireGrant($0, parties: read.parties) }
                $0.more = read.rows.count > Limits.grants
                $0.revoked = read.revoked.map { Data($0) }
            }
        }
    }

    /// What another own node has. A grant that does not fit is passed over: the rest must not wait for it.
    func putGrants(_ put: WireGrantPut, by asker: NodeAccess.Entry) async throws -> WireResponse {
        // First, so that they hold for what comes with them; and for themselves, so that they do not wait for room.
        if !put.revoked.isEmpty {
            let removed = try await state.write(by: asker, grows: false) { connection in
                try put.revoked.flatMap { try RevokedRows.revoke([UInt8]($0), in: connection) ?? [] }
            }
            await apply(AccessChange(removed: removed))
        }
        guard !put.grants.isEmpty else { return .with { $0.grantsPut = WireGrantsPut() } }
        let change = try await state.write(by: asker) { [state] connection -> AccessChange in
            let listed = Set(try RosterRows.newest(in: connection)?.devices.map(\.id) ?? [])
            var change = AccessChange()
            for grant in put.grants {
                if let entry = try state.take(grant, listed, in: connection) { change.inserted.append(entry) }
            }
            return change
        }
        await apply(change)
        return .with { $0.grantsPut = WireGrantsPut() }
    }

    /// What an old disk makes dangerous goes: prekeys that were handed out already, invites that were used, and grants
    /// that were withdrawn since. Nothing is remembered as withdrawn: the devices bring it anew.
    func resetNode(_ reset: WireNodeReset, by asker: NodeAccess.Entry) async throws -> WireResponse {
        let ended = [UInt8](reset.nodeEpoch)
        let next = state.random.bytes(ended.count)
        let result = try await state.write(by: asker, grows: false) {
            connection -> (epoch: [UInt8], removed: [Int64]) in
            let current = try connection.first("SELECT epoch FROM node") { row throws(StoreError) in try row.blob(0) }
            // Another device was faster, or this is an old request.
            if let current, current != ended { return (current, []) }
            try connection.execute("DELETE FROM device_prekeys")
            try connection.execute("DELETE FROM prekey_pair")
            var removed: [Int64] = []
            for entry in try AccessRows.all(in: connection) where entry.kind.isRevocable {
                try AccessRows.delete(entry.grant.id, in: connection)
                removed.append(entry.grant.id)
            }
            try connection.execute("UPDATE node SET epoch = ?", .blob(next))
            return (next, removed)
        }
        if result.epoch == next {
            state.wasReset(to: next)
            state.logger.notice("the node was reset by one of its owner's devices: its disk had gone back")
        }
        // Those who are thrown out may come back.
        await apply(AccessChange(removed: result.removed), closing: .shuttingDown)
        return .with { $0.nodeWasReset = .with { $0.nodeEpoch = Data(result.epoch) } }
    }

    /// By a contact's device, for its own node: a key of the same contact that deposits and does nothing else.
    func registerRoute(_ register: WireRouteRegister, by entry: NodeAccess.Entry) async throws -> WireResponse {
        try requireInService()
        let key = [UInt8](register.initiatorKey)
        let preSharedKey = SecretBytes(register.preSharedKey)
        let made = try await state.write(by: entry) { connection -> NodeAccess.Entry? in
            if let known = try AccessRows.find(key: key, in: connection)?.entry {
                guard known.kind == .route, known.party == entry.party, known.grant.preSharedKey == preSharedKey else {
                    throw Refused(.malformed, "a route has a key of its own")
                }
                return nil
            }
            guard try AccessRows.count(.route, of: entry.party, in: connection) < AccessRows.maxRoutes else {
                throw Refused(.busy, "you have \(AccessRows.maxRoutes) routes here already")
            }
            return try AccessRows.insert(
                key: key, preSharedKey: preSharedKey, kind: .route, party: entry.party, origin: entry.initiatorKey,
                in: connection)
        }
        if let made { await apply(AccessChange(inserted: [made])) }
        return .with { $0.routeRegistered = WireRouteRegistered() }
    }
}

extension NodeState {
    /// Takes over a grant of another own node.
    ///
    /// - Parameter listed: the devices of the owner.
    /// - Returns: nil when there is nothing to take over.
    fileprivate func take(
        _ grant: WireGrant, _ listed: Set<DeviceID>, in connection: Connection
    ) throws -> NodeAccess.Entry? {
        let key = [UInt8](grant.initiatorKey)
        guard try AccessRows.find(key: key, in: connection) == nil,
            try !RevokedRows.contains(key, in: connection)
        else { return nil }
        func insert(_ kind: GrantKind, _ party: Int64, _ origin: [UInt8]?) throws -> NodeAccess.Entry {
            try AccessRows.insert(
                key: key, preSharedKey: SecretBytes(grant.preSharedKey), kind: kind, party: party, origin: origin,
                in: connection)
        }
        switch grant.kind {
        case .ownDevice:
            let device = try DeviceID([UInt8](grant.device))
            guard listed.contains(device), try !AccessRows.hasKey(device, in: connection) else { return nil }
            try mailboxes.open(device: device.bytes, in: connection)
            return try insert(.ownDevice(device), PartyRows.owner, nil)
        case .recovery:
            guard try AccessRows.count(.recovery, of: PartyRows.owner, in: connection) < AccessRows.maxRecovery else {
                return nil
            }
            return try insert(.recovery, PartyRows.owner, nil)
        case .contact, .route:
            // What a withdrawn key had brought is withdrawn with it.
            let origin = [UInt8](grant.origin)
            guard try !RevokedRows.contains(origin, in: connection) else { return nil }
            let party = try PartyRows.id(of: [UInt8](grant.party), in: connection)
            guard party != PartyRows.owner else { return nil }
            let entry = try insert(grant.kind == .contact ? .contact : .route, party, origin)
            if grant.kind == .contact {
                try PrekeyRows.reserve(PrekeyRows.reservedPerContact, for: entry.grant.id, in: connection)
            }
            return entry
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension WireGrant {
    /// - Parameter parties: the names of all.
    init(_ row: AccessRows.Row, parties: [Int64: [UInt8]]) {
        self.init()
        initiatorKey = Data(row.key)
        preSharedKey = Data(row.entry.grant.preSharedKey.exposedCopy())
        switch row.entry.kind {
        case .ownDevice(let id):
            kind = .ownDevice
            device = Data(id.bytes)
        case .contact, .route:
            kind = row.entry.kind == .contact ? .contact : .route
            party = Data(parties[row.entry.party] ?? [])
            origin = Data(row.origin ?? [])
        case .recovery: kind = .recovery
        case .invite, .oldCopy: preconditionFailure("an invite or an old copy is not carried to another node")
        }
    }
}
