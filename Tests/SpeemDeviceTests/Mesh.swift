import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Devices with real stores and no sockets: what one has queued is handed to the others in the order that a test wants.
final class Mesh: @unchecked Sendable {
    // Sendable is sound: one test uses it, and awaits each call.

    /// A device; its keys are those of its account's roster.
    struct Member: Sendable {
        let folder: Folder
        let config: Config
        let state: DeviceState
        let name: String

        var id: DeviceID { state.id }

        func write<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
            try await state.store.write(body)
        }

        func text(_ text: String, to account: AccountPublicKey, sent: Int64 = 1_000_000) async throws -> MessageID {
            let state = state
            return try await write { connection in
                let contact = try #require(try ContactRows.find(account: account, in: connection))
                return try OutgoingMail(state: state).queueText(text, to: contact, now: sent, in: connection)
            }
        }

        /// Every message: its text, "-" when it is deleted.
        func texts(_ filter: String = "1") async throws -> [String] {
            try await state.store.read { connection in
                try connection.query(
                    "SELECT text, deleted FROM message WHERE " + filter + " ORDER BY sent_ms, text"
                ) { row throws(StoreError) in try row.flag(1) ? "-" : try row.text(0) }
            }
        }

        func count(_ sql: String) async throws -> Int64 {
            try await state.store.read { connection in
                try connection.first("SELECT count(*) FROM " + sql) { row throws(StoreError) in try row.integer(0) }
                    ?? 0
            }
        }
    }

    private(set) var members: [DeviceID: Member] = [:]
    /// What waits for each device.
    var mail: [DeviceID: [WireEnvelope]] = [:]
    /// Bodies that were deposited for an account, with how many headers.
    var deposits: [(targets: Int, body: [UInt8])] = []
    var rejected: [String] = []
    var now: Int64 = 2_000_000
    private var sequence: UInt64 = 0

    /// An account with as many devices as there are names, which know each other.
    func account(_ names: String..., listed: Int? = nil) async throws -> (key: AccountKey, devices: [Member]) {
        let account = AccountKey(random: SystemRandomSource())
        let keys = names.map { _ in DeviceKeys(random: SystemRandomSource()) }
        let listed = listed ?? names.count
        let genesis = try RosterEntry.genesis(
            account: account, devices: keys.prefix(listed).map(\.entry),
            nodes: [NodeEntry(noise: X25519.PrivateKey(random: SystemRandomSource()).publicKey, addresses: ["x:1"])])
        var devices: [Member] = []
        for (name, keys) in zip(names, keys) {
            let folder = Folder()
            let text = "role = \"device\"\ndata = \"\(folder.path)\"\n"
            let config = try Config.parse(Array(text.utf8), file: folder.path + ".toml", home: nil)
            let store = try await Device.openStore(config) { connection in
                try DeviceState.insert(keys, account: account.publicKey, name: name, in: connection)
                try OwnRoster.insert(genesis, in: connection)
                for device in genesis.devices where device.id != keys.entry.id {
                    try OwnDeviceRows.insert(device.id, since: 0, in: connection)
                }
            }
            let state = try await DeviceState.load(store: store, logger: quietLogger)
            let member = Member(folder: folder, config: config, state: state, name: name)
            members[state.id] = member
            devices.append(member)
        }
        return (account, devices)
    }

    /// Makes `account` a contact of `device`, and tells its other devices.
    func meet(
        _ device: Member, _ account: (key: AccountKey, devices: [Member]), name: String, tells: Bool = true
    ) async throws {
        let state = device.state
        let roster = try await account.devices[0].state.roster()
        try await device.write { connection in
            let placeholder = try InitiatorRows.insert(
                key: X25519.PrivateKey(random: state.random), preSharedKey: state.random.secret(32), in: connection)
            let id = try ContactRows.insert(
                account: account.key.publicKey, name: name, state: .confirmed, initiator: placeholder, roster: roster,
                in: connection)
            guard tells else { return }
            try OwnSync(state: state).queueCard(of: id, in: connection)
            try OwnSync(state: state).name(account.key.publicKey, name, in: connection)
        }
    }

    /// Begins the sessions that something waits for, and puts what is sealed into the mailboxes.
    func post(_ device: Member) async throws {
        let state = device.state
        let contacts = try await state.store.read { connection in
            try connection.query("SELECT id FROM contact") { row throws(StoreError) in try row.integer(0) }
                .compactMap { try ContactRows.find($0, in: connection) }
        }
        for contact in contacts {
            let waiting = try await state.store.read {
                try OutgoingRows.devicesWithoutSession(contact: contact.id, in: $0)
            }
            for target in waiting {
                guard let member = members[target] else { continue }
                let bundle = try await bundle(of: member)
                try await device.write { connection in
                    let session = try Session.initiate(
                        local: state.local,
                        peer: SessionParty(account: member.state.account, device: member.state.local.keys.entry),
                        bundle: bundle, random: state.random)
                    try OutgoingMail(state: state).seal(
                        waitingFor: target, of: contact, in: session, in: connection)
                }
            }
            let envelopes = try await device.write { connection in
                let envelopes = try OutgoingRows.waiting(contact: contact.id, limit: 10_000, in: connection)
                for envelope in envelopes { try OutgoingRows.stored(envelope, in: connection) }
                return envelopes
            }
            for deposit in Courier.deposits(envelopes) { deposits.append((deposit.count, deposit[0].body)) }
            for envelope in envelopes {
                sequence += 1
                let number = sequence
                mail[try DeviceID(envelope.device), default: []].append(
                    .with {
                        $0.sequence = number
                        $0.envelopeID = Data(envelope.envelopeID)
                        $0.header = Data(envelope.header)
                        $0.body = Data(envelope.body)
                    })
            }
        }
    }

    private func bundle(of member: Member) async throws -> SpeemSessions.PrekeyBundle {
        let state = member.state
        let upload = try await member.write {
            try PrekeyStore.make(state: state, newGeneration: false, pairs: 0, now: 1, in: $0).message
        }
        return try PrekeyBundle(
            device: state.local.keys.entry, signed: [UInt8](upload.signedPrekey),
            kem: [UInt8](upload.lastResortKemPrekey), isLastResort: true, oneTime: nil)
    }

    /// Lets a device read its mail; what it leaves stays.
    ///
    /// - Returns: how many it took.
    @discardableResult
    func read(_ device: Member, limit: Int = .max) async throws -> Int {
        let envelopes = Array((mail[device.id] ?? []).prefix(limit))
        guard !envelopes.isEmpty else { return 0 }
        let incoming = IncomingMail(state: device.state, now: now / 1000)
        let events = try await device.write { try incoming.take(envelopes, in: $0) }
        var left: [WireEnvelope] = []
        for (envelope, event) in zip(envelopes, events) {
            switch event {
            case .kept: left.append(envelope)
            case .rejected(let reason): rejected.append("\(device.name): \(reason)")
            default: break
            }
        }
        mail[device.id] = left + (mail[device.id] ?? []).dropFirst(envelopes.count)
        return envelopes.count - left.count
    }

    /// Until nobody has anything to say.
    func settle(_ devices: [Member]? = nil) async throws {
        let devices = devices ?? Array(members.values)
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            for device in devices { try await post(device) }
            for device in devices where try await read(device) > 0 { isQuiet = false }
        }
    }

    /// All devices of an account list another roster from now on, as if each had fetched it.
    func append(_ entry: RosterEntry, to devices: [Member], now: Int64) async throws {
        for device in devices {
            let state = device.state
            var roster = try await state.roster()
            try roster.append(entry)
            let next = roster
            try await device.write { try OwnRoster.take(next, state: state, now: now, in: $0) }
        }
    }

    /// A contact's newer roster, as if it had been fetched.
    func fetch(_ account: (key: AccountKey, devices: [Member]), by device: Member) async throws {
        let state = device.state
        let roster = try await account.devices[0].state.roster()
        try await device.write { connection in
            let contact = try #require(try ContactRows.find(account: account.key.publicKey, in: connection))
            let known = try ContactRows.roster(of: contact, in: connection)
            guard known.judge(roster).isTaken else { return }
            try ContactRoster(state: state).take(roster, of: contact, before: known, now: 2_000_000, in: connection)
        }
    }

    /// Closes a device's store and opens it again, as a restart does.
    func reopen(_ device: Member) async throws -> Member {
        await device.state.store.close()
        let store = try await Device.openStore(device.config)
        let member = Member(
            folder: device.folder, config: device.config,
            state: try await DeviceState.load(store: store, logger: quietLogger), name: device.name)
        members[device.id] = member
        return member
    }

    func close() async {
        for member in members.values { await member.state.store.close() }
    }

    /// Runs a test with a mesh, and closes its stores.
    static func with(_ body: (Mesh) async throws -> Void) async throws {
        let mesh = Mesh()
        do {
            try await body(mesh)
            await mesh.close()
        } catch {
            await mesh.close()
            throw error
        }
    }
}
