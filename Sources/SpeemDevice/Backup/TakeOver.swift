import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes the new device of a restored store, in the transaction that it is given: the account lists it, and the old one no more.
struct TakeOver: Sendable {
    let old: DeviceState
    let keys: DeviceKeys
    /// What opens the own nodes for the new device.
    let initiator: Int64
    /// Its name where the old one had none.
    let name: String
    /// When the backup was made, Unix milliseconds.
    let made: Int64
    let clock: WallClock

    /// Milliseconds before the backup from which on contacts are asked for their texts: clocks differ.
    private static let margin: Int64 = 86_400_000

    func run(_ roster: Roster, _ account: AccountKey, in connection: Connection) throws {
        let state = DeviceState(
            store: old.store, local: LocalParty(account: old.account, keys: keys), name: old.name,
            ownInitiator: initiator, random: old.random, logger: old.logger)
        let now = clock.milliseconds()
        let name = try DeviceNames.name(of: old.id, ifGivenIn: connection) ?? name
        let before = try OwnRoster.load(account: old.account, in: connection)
        try takeIdentity(account, in: connection)
        try follow(roster, before: before, now: now, in: connection)
        try OwnSync(state: state).set(
            .deviceName(state.id), to: Array(try DeviceNames.free(name, of: roster, in: connection).utf8),
            in: connection)
        // The first that an entry of the account key lists looks after what follows from it.
        if roster.devices.first?.id == state.id {
            try RouteRows.renew(state: state, in: connection)
            try DiscoveryRows.rotate(state: state, in: connection)
        }
        try RosterEffects(state: state).tellContacts(roster, in: connection)
        let since = max(made - Self.margin, 0)
        for device in roster.devices where device.id != state.id {
            try HistorySync(state: state).begin(since: 0, with: device.id, now: now, in: connection)
        }
        // Other own devices have what came since; without any, contacts have what they sent.
        if roster.devices.count == 1 {
            for contact in try ContactRows.all(in: connection) where contact.state == .confirmed {
                try OutgoingMail(state: state).queueRestored(since: since, to: contact, in: connection)
            }
        }
        try RestoreRows.set(.done, in: connection)
        try connection.execute(
            "UPDATE restore SET signing = NULL, identity = NULL, seal = NULL, noise = NULL, initiator = NULL")
    }

    /// Nothing of the old device's keys stays.
    private func takeIdentity(_ account: AccountKey, in connection: Connection) throws {
        let grant = account.recoveryGrant
        try connection.execute(
            """
            UPDATE device SET signing = ?, identity = ?, seal = ?, noise = ?, own_initiator = ?, recovery_key = ?,
                recovery_psk = ?, rejected = 0
            """, .secret(keys.signing.seed), .secret(keys.identity.secret), .secret(keys.seal.secret),
            .secret(keys.noise.secret), .integer(initiator), .blob(grant.initiatorKey.publicKey.bytes),
            .secret(grant.preSharedKey))
        try connection.execute("UPDATE contact SET initiator = ? WHERE is_self = 1", .integer(initiator))
        try connection.execute("DELETE FROM session")
        try connection.execute("DELETE FROM prekey")
        // Nobody can take up an invite of a device that is gone.
        try connection.execute("DELETE FROM link_request")
        try connection.execute("DELETE FROM invite")
        try connection.execute("DELETE FROM seen_envelope")
        try connection.execute("DELETE FROM early_envelope")
        try connection.execute("DELETE FROM sponsored WHERE device = ? AND state <> 0", .blob(keys.entry.id.bytes))
        try InitiatorRows.deleteUnused(old.ownInitiator, in: connection)
        try connection.execute("UPDATE own_node SET prekeys = 0, grants = NULL")
        try SessionRows.distrust(random: old.random, in: connection)
    }

    /// Takes the chain, and drops what is for devices that it does not list any more.
    private func follow(_ roster: Roster, before: Roster, now: Int64, in connection: Connection) throws {
        try connection.execute("DELETE FROM roster_entry")
        for entry in roster.entries { try OwnRoster.insert(entry, in: connection) }
        try OwnNodeRows.follow(roster, in: connection)
        let own = try ContactRows.own(in: connection)
        for device in before.devices where roster.device(device.id) == nil {
            try OutgoingRows.forget(device: device.id, contact: own.id, in: connection)
            try SponsorRows.forget(device: device.id, in: connection)
            try OwnDeviceRows.forget(device.id, in: connection)
        }
        for device in roster.devices where device.id != keys.entry.id {
            try OwnDeviceRows.insert(device.id, since: now, in: connection)
        }
    }
}
