import NIOCore
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport

/// The device's connections, one for each initiator key and node, made when they are needed.
actor NodeConnections {
    /// What a connection is told by.
    private struct Door: Hashable {
        let initiator: Int64
        /// The node's static key.
        let node: [UInt8]
    }

    let state: DeviceState
    private let client: TransportClient
    private let clock: WallClock
    private var open: [Door: ClientConnection] = [:]
    private var counters: [Int64: (next: Int64, end: Int64)] = [:]
    private var opening: [Door: Task<ClientConnection, any Error>] = [:]
    /// When a node could not be reached: others of the same account are tried before it for a while.
    private var failures: [Door: ContinuousClock.Instant] = [:]
    private var isShutDown = false
    /// The address of an own node that has not known this device at the last try.
    private(set) var unknownTo: String?

    /// How long a node that could not be reached is tried last.
    private static let failureMemory: Duration = .seconds(30)

    init(state: DeviceState, group: any EventLoopGroup, clock: WallClock) {
        self.state = state
        self.clock = clock
        client = TransportClient(group: group)
    }

    /// The open connection of an initiator key to a node, or a new one.
    ///
    /// - Throws: ``SpeemTransport/TransportError``.
    func connection(_ initiator: Int64, at node: NodeEntry) async throws -> ClientConnection {
        guard !isShutDown else { throw TransportError.disconnected }
        let door = Door(initiator: initiator, node: node.noise.bytes)
        if let connection = open[door] {
            if connection.isActive { return connection }
            open[door] = nil
        }
        if let task = opening[door] { return try await task.value }
        let task = Task { try await self.connect(initiator, node) }
        opening[door] = task
        defer { opening[door] = nil }
        let connection: ClientConnection
        do {
            connection = try await task.value
        } catch {
            failures[door] = .now
            throw error
        }
        guard !isShutDown else {
            await connection.close()
            throw TransportError.disconnected
        }
        failures[door] = nil
        if initiator == state.ownInitiator { unknownTo = nil }
        open[door] = connection
        return connection
    }

    /// A connection to the first of `nodes` that can be reached; one that could not be a moment ago is tried last.
    ///
    /// - Throws: ``SpeemTransport/TransportError``, of the first node where all fail.
    func connection(
        _ initiator: Int64, atAnyOf nodes: [NodeEntry]
    ) async throws -> (connection: ClientConnection, node: NodeEntry) {
        let now = ContinuousClock.now
        func hasFailed(_ node: NodeEntry) -> Bool {
            let failure = failures[Door(initiator: initiator, node: node.noise.bytes)]
            return failure.map { now - $0 < Self.failureMemory } ?? false
        }
        let order = nodes.filter { !hasFailed($0) } + nodes.filter(hasFailed)
        var first: (any Error)?
        for node in order {
            do {
                return (try await connection(initiator, at: node), node)
            } catch {
                first = first ?? error
                guard !isShutDown, !Task.isCancelled else { break }
            }
        }
        throw first ?? TransportError.invalidAddress("")
    }

    /// A connection with an invite's key, to the node that it is for.
    func connection(oneTime id: Int64) async throws -> ClientConnection {
        guard let node = try await state.store.read({ try InitiatorRows.find(id, in: $0)?.node }) else {
            throw TransportError.invalidAddress("")
        }
        return try await connection(id, at: node)
    }

    /// Whether the node is there and knows the key: a node answers no handshake of a key that it does not know.
    func isKnown(_ initiator: Int64, at node: NodeEntry) async -> Bool {
        (try? await connection(initiator, at: node)) != nil
    }

    func close(_ initiator: Int64) async {
        for (door, connection) in open where door.initiator == initiator {
            open[door] = nil
            await connection.close()
        }
    }

    /// Closes all, for good: what waits for an answer or a connection fails at once.
    func shutDown() async {
        isShutDown = true
        for task in opening.values { task.cancel() }
        let connections = open.values
        open = [:]
        for connection in connections { await connection.close() }
    }

    private func connect(_ id: Int64, _ node: NodeEntry) async throws -> ClientConnection {
        guard let initiator = try await state.store.read({ try InitiatorRows.find(id, in: $0) }) else {
            throw TransportError.invalidAddress("")
        }
        do {
            return try await client.connect(toAnyOf: node.addresses, credentials: initiator.credentials(for: node)) {
                UInt64(clamping: try await self.nextCounter(id))
            }
        } catch TransportError.refused(let address) where id == state.ownInitiator {
            // The account's devices get an answer for as long as they are listed.
            unknownTo = address
            throw DeviceError.unknownToNode(address)
        }
    }

    /// Counts up from blocks that are reserved on disk first.
    private func nextCounter(_ id: Int64) async throws -> Int64 {
        if let block = counters[id], block.next < block.end {
            counters[id] = (block.next + 1, block.end)
            return block.next
        }
        let now = clock.milliseconds()
        let block = try await state.store.write { try InitiatorRows.reserve(id, now: now, in: $0) }
        counters[id] = (block.lowerBound + 1, block.upperBound)
        return block.lowerBound
    }
}
