import Logging
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemMailbox
import SpeemStore
import SpeemTransport
import Synchronization

/// What all parts of a node share: its store, keys and clocks.
final class NodeState: Sendable {
    let store: Store
    let noiseKey: X25519.PrivateKey
    let access: NodeAccess
    let running: RunningClock
    let random: SystemRandomSource
    let logger: Logger
    /// What a locked node needs; nil where the store opens without a passphrase.
    private let machine: Machine?
    private let mutable: Mutex<Mutable>

    /// The file of ``MachineRecord``, and what goes into it beside rows of the store.
    struct Machine: Sendable {
        let file: MachineFile
        let sealPublicKey: X25519.PublicKey
    }

    /// What changes while the node runs; the store has the same.
    private struct Mutable {
        var epoch: [UInt8]
        var account: AccountPublicKey?
        var isRetired: Bool
        /// What the node is recognised by on its network; nil before a device has told.
        var discoveryKey: EndpointKey?
        /// Whom a file has promised the node to; nil once somebody owns it.
        var provision: NodeProvision?
        var mailboxes: Mailboxes
        /// The turn of the change that the roster is known by.
        var rosterTurn: UInt64 = 0
    }
    private let turns = Atomic<UInt64>(0)

    /// Seconds of running that a crash may forget.
    static let runningSlack: Int64 = 10

    var clock: NodeClock { running.now }
    /// The account that owns the node; nil before it is claimed.
    var account: AccountPublicKey? { mutable.withLock { $0.account } }
    /// 16 random bytes, made with the store and by every reset.
    var epoch: [UInt8] { mutable.withLock { $0.epoch } }
    var provision: NodeProvision? { mutable.withLock { $0.provision } }
    /// With the quotas as they are configured now.
    var mailboxes: Mailboxes { mutable.withLock { $0.mailboxes } }
    /// Whether the owner's newest roster entry does not list this node: it takes in nothing then.
    var isRetired: Bool { mutable.withLock { $0.isRetired } }

    /// Opens the node's store, or makes it and the node's identity.
    static func openStore(
        folder: String, key: KeySource, fileSystem: any FileSystem = PosixFileSystem()
    ) async throws -> Store {
        try await Store.open(
            Store.Options(
                folder: folder, key: key, migrations: NodeSchema.migrations, mayCreate: true,
                firstCommit: { connection in
                    let random = SystemRandomSource()
                    try connection.execute(
                        "INSERT INTO node (id, noise_key, epoch, running) VALUES (1, ?, ?, 0)",
                        .secret(X25519.PrivateKey(random: random).secret), .blob(random.bytes(16)))
                }, fileSystem: fileSystem))
    }

    /// Reads the node's identity.
    static func load(
        store: Store, mailboxes: Mailboxes, clock: any ClockSource, machine: Machine? = nil, logger: Logger
    ) async throws -> NodeState {
        let random = SystemRandomSource()
        guard let loaded = try await store.read({ try Loaded($0) }) else { throw NodeError.identityMissing }
        let access = NodeAccess()
        access.apply(AccessChange(inserted: loaded.entries))
        return NodeState(
            store: store, loaded: loaded, access: access, mailboxes: mailboxes,
            running: RunningClock(source: clock, base: loaded.running), random: random, machine: machine, logger: logger
        )
    }

    private struct Loaded: Sendable {
        let noiseKey: X25519.PrivateKey
        let epoch: [UInt8]
        let account: AccountPublicKey?
        let running: Int64
        let entries: [NodeAccess.Entry]
        let newest: RosterEntry?
        let discoveryKey: EndpointKey?
        let provision: NodeProvision?

        init?(_ connection: Connection) throws {
            let row = try connection.first("SELECT noise_key, epoch, account, running, discovery_key FROM node") {
                row throws(StoreError) in
                (
                    key: try row.secret(0), epoch: try row.blob(1), account: try row.optionalBlob(2),
                    running: try row.integer(3), discovery: try row.optionalSecret(4)
                )
            }
            guard let row else { return nil }
            noiseKey = try X25519.PrivateKey(row.key)
            epoch = row.epoch
            account = try row.account.map { bytes in try AccountPublicKey(bytes) }
            running = row.running
            entries = try AccessRows.all(in: connection)
            newest = try RosterRows.newest(in: connection)
            discoveryKey = row.discovery.flatMap(EndpointKey.init)
            provision = try NodeProvision.find(in: connection)
        }
    }

    private init(
        store: Store, loaded: Loaded, access: NodeAccess, mailboxes: Mailboxes, running: RunningClock,
        random: SystemRandomSource, machine: Machine?, logger: Logger
    ) {
        self.machine = machine
        self.store = store
        noiseKey = loaded.noiseKey
        self.access = access
        self.running = running
        self.random = random
        self.logger = logger
        let ownKey = loaded.noiseKey.publicKey
        mutable = Mutex(
            Mutable(
                epoch: loaded.epoch, account: loaded.account,
                isRetired: loaded.newest.map { !$0.lists(node: ownKey) } ?? false,
                discoveryKey: loaded.discoveryKey, provision: loaded.provision, mailboxes: mailboxes))
        access.temporaryStaticKey = loaded.provision?.nodeKey
    }

    var discoveryKey: EndpointKey? { mutable.withLock { $0.discoveryKey } }

    // MARK: Following the store

    func recognised(by key: EndpointKey) { mutable.withLock { $0.discoveryKey = key } }

    /// What the node answered to until then is gone.
    func claimed(by account: AccountPublicKey) {
        mutable.withLock { state in
            state.account = account
            state.provision = nil
        }
        access.temporaryStaticKey = nil
    }

    func provisioned(_ provision: NodeProvision) {
        mutable.withLock { $0.provision = provision }
        access.temporaryStaticKey = provision.nodeKey
    }

    func configured(_ mailboxes: Mailboxes) { mutable.withLock { $0.mailboxes = mailboxes } }

    /// The place of a transaction among all; asked for inside of it, where one runs after the other.
    func turn() -> UInt64 { turns.add(1, ordering: .relaxed).newValue }

    /// - Parameter turn: of the transaction. Whoever waits for two of them may hear of the second one first.
    func rosterChanged(to entry: RosterEntry, turn: UInt64) {
        let isListed = entry.lists(node: noiseKey.publicKey)
        mutable.withLock { state in
            guard turn > state.rosterTurn else { return }
            state.rosterTurn = turn
            state.isRetired = !isListed
        }
    }

    func wasReset(to epoch: [UInt8]) { mutable.withLock { $0.epoch = epoch } }

    // MARK: For a locked start

    /// The folder of what is taken in while the store is locked.
    static func spoolFolder(_ dataFolder: String) -> String { dataFolder + "/spool" }

    /// Returns when the machine file holds what is committed now, if there is one. Without it a withdrawn grant would open
    /// the node again while it is locked.
    ///
    /// - Parameter counters: whether new counters alone are written, too.
    /// - Throws: ``SpeemStore/StoreError``; the next call tries again.
    func settleMachine(counters: Bool = false) async throws {
        guard let machine else { return }
        // On the store's thread: one after the other, each with what is newest.
        try await store.read { [noiseKey, mailboxes] connection in
            guard let loaded = try Loaded(connection) else { throw NodeError.identityMissing }
            let record = MachineRecord(
                noiseKey: noiseKey, sealPublicKey: machine.sealPublicKey,
                isRetired: loaded.newest.map { !$0.lists(node: noiseKey.publicKey) } ?? false,
                discoveryKey: loaded.discoveryKey, spool: try SpoolPosition.read(in: connection).last,
                mailboxes: try mailboxes.devices(in: connection), parties: try PartyRows.names(in: connection),
                grants: loaded.entries)
            try machine.file.write(record, counters: counters)
        }
    }

    /// A write that also carries what was only in memory: the counters of the handshakes since, and the time of running.
    /// For the parameters see ``SpeemStore/Store``.
    ///
    /// - Parameter asker: must still be there, else nothing is done: a request that was begun before its grant was withdrawn
    ///   may come to the store after that.
    func write<T: Sendable>(
        by asker: NodeAccess.Entry? = nil, grows: Bool = true, cost: Int = Store.smallCost,
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        try await write(slack: Self.runningSlack, grows: grows, cost: cost) { connection in
            if let asker { try NodeRequests.requirePresent(asker, in: connection) }
            return try body(connection)
        }
    }

    /// Writes what is only in memory, to the second: before the store is closed.
    func flush() async throws { try await write(slack: 0, grows: false, cost: Store.smallCost) { _ in } }

    private func write<T: Sendable>(
        slack: Int64, grows: Bool, cost: Int, _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        let counters = access.dirtyCounters
        let now = clock.running
        let result = try await store.write(grows: grows, cost: cost) { connection in
            try AccessRows.write(counters: counters, in: connection)
            try connection.execute(
                "UPDATE node SET running = ?1 WHERE running < ?1 - ?2", .integer(now), .integer(slack))
            return try body(connection)
        }
        access.countersWritten(counters)
        return result
    }
}
