import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync
import SpeemTransport

/// One of the account's nodes, as this device last saw it.
struct OwnNode: Sendable {
    let entry: NodeEntry
    /// 16 bytes; nil before the first visit.
    let epoch: [UInt8]?
    let commitNumber: Int64
    /// The epoch of the signed prekey that it is known to have.
    let prekeys: Int64
    /// The roster does not list it any more.
    let isRetired: Bool
    /// It knew the time when it was last asked.
    let knowsTime: Bool
}

/// The account's nodes in the store.
enum OwnNodeRows {
    /// Nodes that this device can use: those of the roster but for one whose claim is not answered yet, home first; then
    /// those that are not listed any more.
    static func all(account: AccountPublicKey, in connection: Connection) throws -> [OwnNode] {
        let claimed = try connection.first("SELECT node FROM claim") { row throws(StoreError) in try row.blob(0) }
        let pending = try claimed.map { bytes in try DeviceError.stored("a claim") { try NodeEntry(stored: bytes) } }
        let known = try rows(in: connection)
        let listed = try OwnRoster.load(account: account, in: connection).nodes
            .filter { $0.noise != pending?.noise }
            .map { entry in
                let row = known.first { $0.entry.noise == entry.noise }
                return OwnNode(
                    entry: entry, epoch: row?.epoch, commitNumber: row?.commitNumber ?? 0, prekeys: row?.prekeys ?? 0,
                    isRetired: false, knowsTime: row?.knowsTime ?? true)
            }
        return listed
            + known.filter { row in row.isRetired && !listed.contains { $0.entry.noise == row.entry.noise } }
    }

    private static func rows(in connection: Connection) throws -> [OwnNode] {
        try connection.query("SELECT node, node_epoch, commit_number, prekeys, retired, clock_unknown FROM own_node") {
            row throws(StoreError) in
            (
                node: try row.blob(0), epoch: try row.optionalBlob(1), commits: try row.integer(2),
                prekeys: try row.integer(3), isRetired: try row.flag(4), knowsTime: try !row.flag(5)
            )
        }.map { row in
            OwnNode(
                entry: try DeviceError.stored("an own node") { try NodeEntry(stored: row.node) }, epoch: row.epoch,
                commitNumber: row.commits, prekeys: row.prekeys, isRetired: row.isRetired, knowsTime: row.knowsTime)
        }
    }

    /// Follows the roster: new nodes come, those that it does not list any more are retired.
    static func follow(_ roster: Roster, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE own_node SET retired = 1")
        for node in roster.nodes {
            try connection.execute(
                """
                INSERT INTO own_node (node_key, node) VALUES (?1, ?2)
                ON CONFLICT (node_key) DO UPDATE SET node = ?2, retired = 0
                """, .blob(node.noise.bytes), .blob(node.encoded))
        }
        try OutgoingRows.requeueRetired(in: connection)
    }

    /// What the node says of itself now.
    static func saw(
        _ node: NodeEntry, epoch: [UInt8], commits: Int64, knowsTime: Bool, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO own_node (node_key, node, node_epoch, commit_number, clock_unknown) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (node_key) DO UPDATE SET node_epoch = ?3, commit_number = ?4, clock_unknown = ?5
            """, .blob(node.noise.bytes), .blob(node.encoded), .blob(epoch), .integer(commits), .flag(!knowsTime))
    }

    static func forget(_ node: NodeEntry, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM own_node WHERE node_key = ?", .blob(node.noise.bytes))
    }
}

extension DeviceState {
    /// The nodes that can be asked, home first.
    func ownNodes() async throws -> [OwnNode] {
        let account = account
        return try await store.read { try OwnNodeRows.all(account: account, in: $0) }
    }

    /// The listed ones of them.
    ///
    /// - Throws: ``DeviceError/noNode``.
    func listedNodes() async throws -> [NodeEntry] {
        let nodes = try await ownNodes().filter { !$0.isRetired }.map(\.entry)
        guard !nodes.isEmpty else { throw DeviceError.noNode }
        return nodes
    }
}

extension NodeConnections {
    /// A connection to an own node: home, or when it is away the next one.
    func own() async throws -> ClientConnection {
        try await connection(state.ownInitiator, atAnyOf: try await state.listedNodes()).connection
    }

    /// A connection to the home node.
    func home() async throws -> ClientConnection {
        let nodes = try await state.listedNodes()
        guard let home = nodes.first else { throw DeviceError.noNode }
        return try await connection(state.ownInitiator, at: home)
    }

    /// Asks an own node.
    func request(own request: WireRequest) async throws -> WireResponse {
        let response = try await own().request(request)
        try response.requireNoRefusal()
        return response
    }
}
