public import Logging
public import NIOCore
public import SpeemConfig
import SpeemCrypto
public import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes a device of a backup: a new one, which takes the place of the one that made it.
///
/// The steps are written down, so that the same command goes on after any interruption:
///
/// 1. The whole file is read and verified before anything is written.
/// 2. Its rows are written. The device has the old one's identity now, and neither sends nor opens for other commands.
/// 3. With the old device's keys the mailboxes at own nodes are drained, and the new device gets ways in at contacts' nodes.
/// 4. The recovery words list the new device in the old one's place.
/// 5. One transaction makes the new device of this one.
public enum Restore {
    /// What a restore brought.
    public struct Report: Sendable {
        /// When the backup was made, by the clock of the device that made it, Unix milliseconds.
        public var made: Int64 = 0
        /// How old the backup is by the clock here; nil when it is from the future.
        public var days: Int64?
        public var contacts = 0
        public var messages: Int64 = 0
        /// Envelopes that had waited for the old device at own nodes.
        public var received = 0
        /// Own nodes that could not be read, and why.
        public var unread: [String] = []
        /// The names of contacts that this device cannot reach yet.
        public var withoutWay: [String] = []
        /// Whether the account has other devices, which give what is missing.
        public var hasOthers = false
    }

    /// What goes on, for a person who waits.
    public enum Progress: Sendable {
        /// Bytes of the file that were read.
        case verifying(Int64, of: Int64)
        case writing(Int64, of: Int64)
        case fetching
        case signingIn
    }

    /// - Parameter path: of the backup.
    /// - Throws: ``BackupError``, ``DeviceError``, ``SpeemStore/StoreError``, ``SpeemStore/FileError``.
    public static func run(
        _ account: AccountKey, path: String, config: Config, group: any EventLoopGroup, clock: WallClock = .system,
        logger: Logger, onProgress: @Sendable (Progress) -> Void = { _ in }
    ) async throws -> Report {
        let file = try BackupFile(path: path)
        defer { file.close() }
        let size = file.size
        let backup = try VerifiedBackup(file, account: account) { onProgress(.verifying($0, of: size)) }
        let store = try await Device.openStore(config) { try RestoreRows.begin(backup, in: $0) }
        do {
            try await load(backup, file, account, store, clock) { onProgress(.writing($0, of: size)) }
            onProgress(.fetching)
            let name = config.deviceName.isEmpty ? HostName.current : config.deviceName
            let report = try await finish(account, name, store, group, clock, logger) { onProgress(.signingIn) }
            await store.close()
            return report
        } catch {
            await store.close()
            throw error
        }
    }

    private static func load(
        _ backup: VerifiedBackup, _ file: BackupFile, _ account: AccountKey, _ store: Store, _ clock: WallClock,
        _ onProgress: (Int64) -> Void
    ) async throws {
        guard let begun = try await store.read({ try RestoreRows.find(in: $0) }), begun.phase != .done else {
            throw BackupError.deviceIsThere
        }
        guard begun.backup == backup.hash else { throw BackupError.otherBackup }
        guard begun.phase == .loading else { return }
        try await RestoreLoad(store: store, backup: backup, clock: clock).run(
            file, account: account, onProgress: onProgress)
    }

    // MARK: At the nodes

    private static func finish(
        _ account: AccountKey, _ name: String, _ store: Store, _ group: any EventLoopGroup, _ clock: WallClock,
        _ logger: Logger, _ onSignIn: () -> Void
    ) async throws -> Report {
        let state = try await DeviceState.load(store: store, logger: logger)
        guard let begun = try await store.read({ try RestoreRows.find(in: $0) }),
            let new = try await store.read({ try RestoreRows.keys(in: $0) })
        else { throw DeviceError.damaged("a restore") }
        let connections = NodeConnections(state: state, group: group, clock: clock)
        do {
            let age = clock.milliseconds() - begun.made
            var report = Report(made: begun.made, days: age >= 0 ? age / 86_400_000 : nil)
            try await drain(state, connections, clock, &report)
            try await makeWays(state, connections, clock, &report)
            onSignIn()
            let signIn = SignIn(entry: new.keys.entry, initiator: new.initiator, replaced: state.id)
            let roster = try await self.signIn(account, signIn, state, connections)
            await connections.shutDown()
            let takeOver = TakeOver(
                old: state, keys: new.keys, initiator: new.initiator, name: name, made: begun.made, clock: clock)
            try await store.write { try takeOver.run(roster, account, in: $0) }
            report.hasOthers = roster.devices.count > 1
            (report.contacts, report.messages) = try await store.read { connection in
                (
                    try ContactRows.all(in: connection).count,
                    try connection.first("SELECT count(*) FROM message WHERE deleted = 0") { row throws(StoreError) in
                        try row.integer(0)
                    } ?? 0
                )
            }
            return report
        } catch {
            await connections.shutDown()
            throw error
        }
    }

    /// Reads what waits for the old device, with its keys. What its copy had read before is gone from there; what this one
    /// cannot open its senders still keep, because no device has confirmed it, and they seal it to the new device.
    private static func drain(
        _ state: DeviceState, _ connections: NodeConnections, _ clock: WallClock, _ report: inout Report
    ) async throws {
        let reader = MailReader(state: state, connections: connections, clock: clock) { _ in }
        for node in try await state.ownNodes() {
            do {
                let connection = try await connections.connection(state.ownInitiator, at: node.entry)
                // Who may have written meanwhile.
                try await RosterFlow(state: state, connections: connections).fetch(over: connection)
                report.received += try await reader.drain(over: connection, subscribe: false)
            } catch {
                if let error = error as? StoreError { throw error }
                state.logger.notice("what waits for the old device cannot be read: \(error)")
                if !node.isRetired { report.unread.append("\(error)") }
            }
        }
    }

    /// How long the way in at one contact's nodes is tried; what is not done then is done by the device later.
    private static let patience: Duration = .seconds(10)
    /// Contacts that are visited side by side.
    private static let width = 16

    /// Lets contacts' nodes know the new device, as long as the old one's keys are good there: once a contact has heard that the
    /// old device is gone it withdraws them, and nothing else would lead there.
    private static func makeWays(
        _ state: DeviceState, _ connections: NodeConnections, _ clock: WallClock, _ report: inout Report
    ) async throws {
        let contacts = try await state.store.read { try ContactRows.all(in: $0) }
        var rest = contacts[...]
        while !rest.isEmpty {
            let part = rest.prefix(width)
            rest = rest.dropFirst(part.count)
            await withDiscardingTaskGroup { group in
                for contact in part {
                    group.addTask {
                        await Deadline.wait(patience) {
                            do {
                                try await makeWay(contact, state, connections, clock)
                            } catch {
                                state.logger.notice("contact \(contact.id): no way in yet: \(error)")
                            }
                        }
                    }
                }
            }
        }
        report.withoutWay = try await state.store.read { connection in
            guard let new = try RestoreRows.keys(in: connection)?.keys.entry.id else { return [] }
            return try ContactRows.all(in: connection).filter { contact in
                try contact.problem == nil && !hasWay(new, to: contact.id, in: connection)
            }.map(\.name)
        }
    }

    /// Whether the new device has a key at the contact's nodes.
    private static func hasWay(_ device: DeviceID, to contact: Int64, in connection: Connection) throws -> Bool {
        let isMade =
            try connection.first(
                "SELECT 1 FROM sponsored WHERE contact = ? AND device = ? AND state = ?", .integer(contact),
                .blob(device.bytes), .integer(Sponsored.State.told.rawValue)
            ) { row throws(StoreError) in try row.integer(0) } != nil
        return try isMade && RedeemRows.find(contact, in: connection) == nil
    }

    private static func makeWay(
        _ contact: Contact, _ state: DeviceState, _ connections: NodeConnections, _ clock: WallClock
    ) async throws {
        let nodes = try await state.store.read { try ContactRows.roster(of: contact, in: $0) }.nodes
        guard contact.problem == nil, !nodes.isEmpty else { return }
        // One that was taken up for the old device, of somebody who was met after the backup, or just before.
        try await redeem(contact, state, connections)
        let isDue = try await state.store.write { connection in
            guard let new = try RestoreRows.keys(in: connection)?.keys.entry.id,
                try !SponsorRows.isMissing(contact.id, in: connection)
            else { return false }
            try SponsorRows.insert(contact: contact.id, device: new, random: state.random, in: connection)
            return try !SponsorRows.made(contact: contact.id, in: connection).isEmpty
        }
        if isDue, let current = try await state.store.read({ try ContactRows.find(contact.id, in: $0) }) {
            let (connection, node) = try await connections.connection(current.initiator, atAnyOf: nodes)
            try await ContactVisit(
                state: state, contact: current, connection: connection, node: node, now: clock.seconds()
            ).sponsor()
        }
        try await redeem(contact, state, connections)
    }

    private static func redeem(
        _ contact: Contact, _ state: DeviceState, _ connections: NodeConnections
    ) async throws {
        if let redeem = try await state.store.read({ try RedeemRows.find(contact.id, in: $0) }) {
            try await RedeemFlow(state: state, connections: connections).redeem(redeem)
        }
    }

    /// Lists the new device with the recovery words, at whichever of the account's nodes can be reached.
    private static func signIn(
        _ account: AccountKey, _ signIn: SignIn, _ state: DeviceState, _ connections: NodeConnections
    ) async throws -> Roster {
        let nodes = try await state.ownNodes().filter { !$0.isRetired }.map(\.entry)
        guard !nodes.isEmpty else {
            // Nobody but this account's devices has the chain.
            var roster = try await state.roster()
            try roster.append(
                RosterEntry.recovery(
                    after: roster.newest, account: account,
                    devices: roster.devices.filter { $0.id != signIn.replaced } + [signIn.entry], nodes: []))
            return roster
        }
        var problem: any Error = DeviceError.noNode
        var isFirst = true
        for node in nodes {
            do {
                return try await Recovery.list(state, signIn, account, node, .keep, connections)
            } catch let error as StoreError {
                throw error
            } catch {
                if isFirst { problem = error }
                isFirst = false
            }
        }
        throw BackupError.unreachable("\(problem)")
    }
}
