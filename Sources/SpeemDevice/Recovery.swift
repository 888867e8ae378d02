public import Logging
public import NIOCore
public import SpeemConfig
import SpeemCrypto
public import SpeemIdentity
import SpeemProtocol
import SpeemSessions
public import SpeemStore
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
        _ account: AccountKey, node: NodeEntry, others: Others, config: Config, key: KeySource? = nil,
        group: any EventLoopGroup, clock: WallClock = .system, logger: Logger
    ) async throws {
        let keys = DeviceKeys(random: SystemRandomSource())
        let name = config.deviceName.isEmpty ? HostName.current : config.deviceName
        let grant = account.recoveryGrant
        let store = try await Device.openStore(config, key: key) { connection in
            try DeviceState.insert(keys, account: account.publicKey, name: config.name, in: connection)
            try connection.execute(
                "UPDATE device SET recovery_key = ?, recovery_psk = ?", .blob(grant.initiatorKey.publicKey.bytes),
                .secret(grant.preSharedKey))
        }
        do {
            let state = try await DeviceState.load(store: store, logger: logger)
            guard state.account == account.publicKey else {
                throw DeviceError.invite(
                    "this device belongs to another account than the words",
                    hint: "check the words; or sign in with a data folder of its own")
            }
            let connections = NodeConnections(state: state, group: group, clock: clock)
            do {
                let signIn = SignIn(entry: state.local.keys.entry, initiator: state.ownInitiator, replaced: nil)
                let roster = try await list(state, signIn, account, node, others, connections)
                try await store.write {
                    try keep(roster, account, name: name, state: state, now: clock.milliseconds(), in: $0)
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

    /// What this device keeps once it is listed: of a new store, of one whose link was never finished, or of a device that
    /// was removed.
    private static func keep(
        _ roster: Roster, _ account: AccountKey, name: String, state: DeviceState, now: Int64,
        in connection: Connection
    ) throws {
        let grant = account.recoveryGrant
        try connection.execute(
            "UPDATE device SET recovery_key = ?, recovery_psk = ?", .blob(grant.initiatorKey.publicKey.bytes),
            .secret(grant.preSharedKey))
        let isLinking = try LinkAttempt.find(in: connection) != nil
        let known = try connection.first("SELECT count(*) FROM roster_entry") { row throws(StoreError) in
            try row.integer(0)
        }
        if isLinking || known == 0 {
            try LinkAttempt.delete(in: connection)
            try connection.execute("DELETE FROM session")
            try connection.execute("DELETE FROM roster_entry")
            for entry in roster.entries { try OwnRoster.insert(entry, in: connection) }
            try OwnNodeRows.follow(roster, in: connection)
        } else {
            // Whoever has noticed the removal has closed the sessions with this device, and its nodes the mailbox.
            try SessionRows.distrust(random: state.random, in: connection)
            try OwnRoster.take(roster, state: state, in: connection)
            try connection.execute("UPDATE own_node SET prekeys = 0, grants = NULL")
        }
        let free =
            try DeviceNames.name(of: state.id, ifGivenIn: connection)
            ?? DeviceNames.free(name, of: roster, in: connection)
        try OwnSync(state: state).set(.deviceName(state.id), to: Array(free.utf8), in: connection)
        for contact in try ContactRows.all(in: connection) {
            try OutgoingMail(state: state).queueNotice(to: contact, in: connection)
        }
        // The others tell theirs.
        if roster.devices.count == 1, try DiscoveryRows.own(in: connection) == nil {
            try DiscoveryRows.make(by: state.id, in: connection)
        }
        // Whatever the others have is asked for.
        for device in roster.devices where device.id != state.id {
            try OwnDeviceRows.insert(device.id, since: now, in: connection)
            try HistorySync(state: state).begin(since: 0, with: device.id, now: now, in: connection)
        }
    }

    // MARK: At the nodes

    /// A node that the recovery words open, and its chain.
    private struct Reached {
        let connection: ClientConnection
        var roster: Roster
    }

    /// Lists a device at the node, and at all others that can be reached.
    static func list(
        _ state: DeviceState, _ signIn: SignIn, _ account: AccountKey, _ node: NodeEntry, _ others: Others,
        _ connections: NodeConnections
    ) async throws -> Roster {
        let grant = account.recoveryGrant
        let initiator = try await state.store.write { connection in
            try connection.execute(
                "DELETE FROM initiator WHERE key = ?", .secret(grant.initiatorKey.secret))
            return try InitiatorRows.insertShared(
                grant.initiatorKey, preSharedKey: grant.preSharedKey, node: node, in: connection)
        }
        guard let own = try await state.store.read({ try InitiatorRows.find(signIn.initiator, in: $0) }) else {
            throw DeviceError.damaged("no key of its own nodes")
        }
        let wire = WireGrant.with {
            $0.kind = .ownDevice
            $0.initiatorKey = Data(own.key.publicKey.bytes)
            $0.preSharedKey = Data(own.preSharedKey.exposedCopy())
            $0.device = Data(signIn.entry.id.bytes)
        }
        for _ in 0..<maxRounds {
            let reached = try await reach(node, initiator, state, connections)
            var roster = best(of: reached.map(\.roster))
            if roster.device(signIn.entry.id) == nil || others == .remove || roster.newest.signer != .account {
                try roster.append(
                    RosterEntry.recovery(
                        after: roster.newest, account: account, devices: devices(roster, signIn, others),
                        nodes: roster.nodes))
            }
            if try await bring(roster, wire, replacing: signIn.replaced, to: reached) {
                try await state.store.write { try InitiatorRows.delete(initiator, in: $0) }
                return roster
            }
        }
        throw DeviceError.refused("other devices change the account's roster all the time")
    }

    /// The node that the person has named, and those that it and they list: home may have moved on.
    private static func reach(
        _ node: NodeEntry, _ initiator: Int64, _ state: DeviceState, _ connections: NodeConnections
    ) async throws -> [Reached] {
        let first: ClientConnection
        do {
            first = try await connections.connection(initiator, at: node)
        } catch TransportError.refused(let address) {
            throw DeviceError.invite(
                "the node at \(address) does not know these words",
                hint:
                    "compare the node's key with speem status on it, the words with your paper, and this device's clock"
            )
        }
        func look(_ connection: ClientConnection) async throws -> Reached {
            let entries = try await connection.fetchRosterEntries()
            return Reached(
                connection: connection, roster: try Roster(verifying: entries, account: state.account))
        }
        var reached = [try await look(first)]
        var seen: Set<[UInt8]> = [node.noise.bytes]
        while let next = best(of: reached.map(\.roster)).nodes.first(where: { seen.insert($0.noise.bytes).inserted }) {
            do {
                reached.append(try await look(try await connections.connection(initiator, at: next)))
            } catch {
                state.logger.notice("another node of the account cannot be asked: \(error)")
            }
        }
        return reached
    }

    private static func best(of rosters: [Roster]) -> Roster {
        var best = rosters[0]
        for roster in rosters.dropFirst() where best.judge(roster).isTaken { best = roster }
        return best
    }

    /// Brings the chain to all nodes that were reached.
    ///
    /// - Returns: false when one of them has changed in between, and none has taken it yet.
    private static func bring(
        _ roster: Roster, _ grant: WireGrant, replacing replaced: DeviceID?, to reached: [Reached]
    ) async throws -> Bool {
        var isTaken = false
        var problem: RefusalError?
        for node in reached {
            let common = zip(roster.entries, node.roster.entries).prefix { $0.head == $1.head }.count
            let entries = roster.entries.dropFirst(min(common, roster.entries.count - 1))
            let response = try await node.connection.request(
                .with {
                    $0.rosterAppend = .with {
                        $0.entries = entries.map { Data($0.encoded) }
                        $0.grants = [grant]
                        if let replaced { $0.restored = Data(replaced.bytes) }
                    }
                })
            do {
                try response.requireNoRefusal()
                isTaken = true
            } catch let error as RefusalError {
                problem = problem ?? error
            }
        }
        if let problem, !isTaken {
            guard problem.code == .rosterConflict else { throw DeviceError.refused(problem.description) }
        }
        return isTaken
    }

    private static func devices(_ roster: Roster, _ signIn: SignIn, _ others: Others) -> [DeviceEntry] {
        let mine = signIn.entry
        switch others {
        case .remove: return [mine]
        case .keep:
            let hostile = removers(of: mine.id, in: roster)
            return roster.devices.filter {
                $0.id != mine.id && $0.id != signIn.replaced && !hostile.contains($0.id)
            } + [mine]
        }
    }

    /// Who has signed the entry that does not list the device any more, and all that these have listed since.
    private static func removers(of device: DeviceID, in roster: Roster) -> Set<DeviceID> {
        let steps = Array(zip(roster.entries, roster.entries.dropFirst()))
        guard let index = steps.lastIndex(where: { $0.lists(device) != nil && $1.lists(device) == nil }) else {
            return []
        }
        var hostile: Set<DeviceID> = []
        if case .device(let signer) = steps[index].1.signer { hostile.insert(signer) }
        for (before, entry) in steps[index...] {
            guard case .device(let signer) = entry.signer, hostile.contains(signer) else { continue }
            hostile.formUnion(entry.devices.map(\.id).filter { before.lists($0) == nil })
        }
        return hostile
    }
}

/// A device that the recovery words list.
struct SignIn: Sendable {
    let entry: DeviceEntry
    /// The row of the key that opens the own nodes for it.
    let initiator: Int64
    /// The device whose backup it was restored from: not listed any more.
    let replaced: DeviceID?
}
