import Logging
import SpeemCrypto
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

/// The side of a listed device when another one asks to be linked: the person's yes or no.
struct LinkFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock

    /// What of the history the new device may have.
    enum History: Sendable, Equatable {
        case all
        case days(Int64)
        case none

        /// The oldest message, Unix milliseconds; nil for none.
        func since(now milliseconds: Int64) -> Int64? {
            switch self {
            case .all: 0
            case .days(let days): max(milliseconds - min(max(days, 0), 100_000) * 86_400_000, 0)
            case .none: nil
            }
        }
    }

    /// The request of this name or beginning of a device id.
    func find(_ name: String) async throws -> PendingLink {
        let account = state.account
        let pending = try await state.store.read { try LinkRows.pending(account: account, in: $0) }
        let matches = pending.filter {
            $0.name == name || (!name.isEmpty && Hex.encode($0.device.id.bytes).hasPrefix(name.lowercased()))
        }
        guard matches.count < 2 else {
            throw DeviceError.ambiguousDevice(name, ids: matches.map { Hex.encode($0.device.id.bytes.prefix(4)) })
        }
        guard let only = matches.first else {
            throw DeviceError.unknownDevice(name, known: pending.map(\.name))
        }
        return only
    }

    /// Yes: the device is listed, its grant goes to the home node in the same commit, and all others are told. After a lost
    /// answer the same yes again is as good as the first.
    ///
    /// - Returns: the name that the device has now.
    func accept(_ link: PendingLink, history: History) async throws -> String {
        let keys = InviteKeys(secret: link.secret)
        let grant = WireGrant.with {
            $0.kind = .ownDevice
            $0.initiatorKey = Data(link.initiatorKey.bytes)
            $0.preSharedKey = Data(keys.grantPreSharedKey.exposedCopy())
            $0.device = Data(link.device.id.bytes)
        }
        // Before it is asked: what a new device is told follows from this once the roster lists it.
        let since = history.since(now: clock.milliseconds())
        try await state.store.write { try LinkRows.accept(link.device.id, historySince: since, in: $0) }
        try await RosterFlow(state: state, connections: connections).change(.addDevice(link.device), grants: [grant])
        return try await state.store.read { try DeviceNames.name(of: link.device.id, in: $0) }
    }

    /// No: the invite's key opens nothing any more, and nothing stays of the device.
    func refuse(_ link: PendingLink) async throws {
        let home = try await connections.home()
        // A yes whose answer was lost may have been heard.
        try await RosterFlow(state: state, connections: connections).fetch(over: home)
        guard try await state.roster().device(link.device.id) == nil else {
            throw DeviceError.alreadyLinked(link.name)
        }
        let key = InviteKeys(secret: link.secret).initiatorKey.publicKey
        let response = try await home.request(
            .with { $0.grantRevoke = .with { $0.initiatorKey = Data(key.bytes) } })
        try response.requireNoRefusal()
        try await state.store.write { connection in
            try LinkRows.forget(link.device.id, in: connection)
            let own = try ContactRows.own(in: connection)
            try SessionRows.close(device: link.device.id, contact: own.id, in: connection)
        }
    }
}
