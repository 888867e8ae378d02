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
        let pending = try await state.store.read { try LinkRows.pending(in: $0) }
        let matches = pending.filter {
            $0.name == name || (!name.isEmpty && Hex.encode($0.device.id.bytes).hasPrefix(name.lowercased()))
        }
        guard matches.count == 1, let only = matches.first else {
            throw DeviceError.unknownDevice(name, known: pending.map(\.name))
        }
        return only
    }

    /// Yes: the device is listed, its grant goes to the home node in the same commit, and all others are told.
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
        let state = state
        let now = clock.milliseconds()
        try await RosterFlow(state: state, connections: connections).change(
            .addDevice(link.device), grants: [grant]
        ) { connection in
            let since = history.since(now: now)
            try LinkRows.accept(link.device.id, in: connection)
            try OwnDeviceRows.allow(link.device.id, since: since ?? now, in: connection)
            let sync = OwnSync(state: state)
            let roster = try OwnRoster.load(account: state.account, in: connection)
            let name = try DeviceNames.free(link.name, of: roster, in: connection)
            try sync.set(.deviceName(link.device.id), to: Array(name.utf8), in: connection)
            try sync.queueWelcome(to: link.device.id, history: since != nil, since: since ?? 0, in: connection)
            try SponsorRows.insertAll(device: link.device.id, state: state, now: now / 1000, in: connection)
        }
        return try await state.store.read { try DeviceNames.name(of: link.device.id, in: $0) }
    }

    /// No: the invite's key opens nothing any more, and nothing stays of the device.
    func refuse(_ link: PendingLink) async throws {
        let key = InviteKeys(secret: link.secret).initiatorKey.publicKey
        let response = try await connections.home().request(
            .with { $0.grantRevoke = .with { $0.initiatorKey = Data(key.bytes) } })
        try response.requireNoRefusal()
        try await state.store.write { connection in
            try LinkRows.forget(link.device.id, in: connection)
            let own = try ContactRows.own(in: connection)
            try SessionRows.close(device: link.device.id, contact: own.id, in: connection)
        }
    }
}
