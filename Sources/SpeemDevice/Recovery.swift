public import Logging
public import NIOCore
public import SpeemConfig
import SpeemCrypto
public import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs a device in with the recovery words: they are the account, and win against every device.
public enum Recovery {
    /// What becomes of the devices that the account lists.
    public enum Others: Sendable {
        /// They stay, but for one that has removed this device.
        case keep
        /// They are removed: somebody else may have them.
        case remove
    }

    /// Rounds at the most: each means that a device changed the roster in between.
    private static let maxRounds = 16

    /// Lists this device at the node, and keeps what it needs from then on; the same again goes on after a lost answer.
    ///
    /// - Throws: ``DeviceError``, ``SpeemIdentity/IdentityError``, ``SpeemTransport/TransportError``.
    public static func run(
        _ account: AccountKey, node: NodeEntry, others: Others, config: Config, group: any EventLoopGroup,
        clock: WallClock = .system, logger: Logger
    ) async throws {
        let keys = DeviceKeys(random: SystemRandomSource())
        let name = config.deviceName.isEmpty ? HostName.current : config.deviceName
        let grant = account.recoveryGrant
        let store = try await Device.openStore(config) { connection in
            try DeviceState.insert(keys, account: account.publicKey, name: config.name, in: connection)
            try connection.execute(
                "UPDATE device SET recovery_key = ?, recovery_psk = ?", .blob(grant.initiatorKey.publicKey.bytes),
                .secret(grant.preSharedKey))
        }
        do {
            let state = try await DeviceState.load(store: store, logger: logger)
            guard state.account == account.publicKey else {
                throw DeviceError.invite("this device belongs to another account than the words", hint: nil)
            }
            let connections = NodeConnections(state: state, group: group, clock: clock)
            do {
                let roster = try await list(state, account, node, others, connections)
                try await state.store.write { connection in
                    try connection.execute("DELETE FROM roster_entry")
                    for entry in roster.entries { try OwnRoster.insert(entry, in: connection) }
                    try OwnNodeRows.follow(roster, in: connection)
                    let free = try DeviceNames.free(name, of: roster, in: connection)
                    try OwnSync(state: state).set(.deviceName(state.id), to: Array(free.utf8), in: connection)
                    for contact in try ContactRows.all(in: connection) {
                        try OutgoingMail(state: state).queueNotice(to: contact, in: connection)
                    }
                    // Whatever the others have is asked for.
                    let now = clock.milliseconds()
                    for device in roster.devices where device.id != state.id {
                        try OwnDeviceRows.insert(device.id, since: now, in: connection)
                        try HistorySync(state: state).begin(since: 0, with: device.id, now: now, in: connection)
                    }
                }
            } catch {
                await connections.shutDown()
                throw error
            }
            await connections.shutDown()
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private static func list(
        _ state: DeviceState, _ account: AccountKey, _ node: NodeEntry, _ others: Others,
        _ connections: NodeConnections
    ) async throws -> Roster {
        let grant = account.recoveryGrant
        let initiator = try await state.store.write { connection in
            try InitiatorRows.insertShared(
                grant.initiatorKey, preSharedKey: grant.preSharedKey, node: node, in: connection)
        }
        defer { Task { try? await state.store.write { try InitiatorRows.delete(initiator, in: $0) } } }
        let own = try await state.store.read { try InitiatorRows.find(state.ownInitiator, in: $0) }
        guard let own else { throw DeviceError.damaged("no key of its own nodes") }
        let connection: ClientConnection
        do {
            connection = try await connections.connection(oneTime: initiator)
        } catch TransportError.refused(let address) {
            throw DeviceError.invite(
                "the node at \(address) does not know these words",
                hint: "compare the node's key with speem status on it, and the words with your paper")
        }
        for _ in 0..<maxRounds {
            var roster = try Roster(verifying: try await connection.fetchRosterEntries(), account: state.account)
            if roster.device(state.id) != nil, case .keep = others, roster.newest.signer == .account { return roster }
            let entry = try RosterEntry.recovery(
                after: roster.newest, account: account, devices: devices(roster, state, others),
                nodes: roster.nodes)
            let response = try await connection.request(
                .with {
                    $0.rosterAppend = .with {
                        $0.entries = [Data(entry.encoded)]
                        $0.grants = [
                            .with {
                                $0.kind = .ownDevice
                                $0.initiatorKey = Data(own.key.publicKey.bytes)
                                $0.preSharedKey = Data(own.preSharedKey.exposedCopy())
                                $0.device = Data(state.id.bytes)
                            }
                        ]
                    }
                })
            if case .refusal(let refusal) = response.kind {
                guard refusal.code == .rosterConflict else { throw DeviceError.refused(refusal.detail) }
                continue
            }
            try roster.append(entry)
            return roster
        }
        throw DeviceError.refused("other devices change the account's roster all the time")
    }

    private static func devices(_ roster: Roster, _ state: DeviceState, _ others: Others) -> [DeviceEntry] {
        let mine = state.local.keys.entry
        switch others {
        case .remove: return [mine]
        case .keep:
            let hostile = remover(of: state.id, in: roster)
            return roster.devices.filter { $0.id != state.id && $0.id != hostile } + [mine]
        }
    }

    /// Who has signed the entry that does not list the device any more.
    private static func remover(of device: DeviceID, in roster: Roster) -> DeviceID? {
        for (before, entry) in zip(roster.entries, roster.entries.dropFirst()).reversed()
        where !before.devices.allSatisfy({ $0.id != device }) && entry.devices.allSatisfy({ $0.id != device }) {
            if case .device(let signer) = entry.signer { return signer }
            return nil
        }
        return nil
    }
}
