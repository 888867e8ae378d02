import NIOCore
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

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
    /// For addresses at which somebody was just found on this network: near ones answer at once, or are bait.
    private let nearbyClient: TransportClient
    /// Addresses at which a node or device was found on this network.
    private nonisolated let nearby: NearbyAddresses
    private let clock: WallClock
    private var open: [Door: ClientConnection] = [:]
    private var counters: [Int64: (next: Int64, end: Int64)] = [:]
    private var opening: [Door: Task<ClientConnection, any Error>] = [:]
    /// When a node could not be reached: others of the same account are tried before it for a while.
    private var failures: [Door: ContinuousClock.Instant] = [:]
    private var isShutDown = false
    /// The address of an own node that has not known this device at the last try.
    private(set) var unknownTo: String?

    private static let nearbyTimeout: TimeAmount = .seconds(3)
    private static let nearbyPatience: Duration = .seconds(3)

    /// How long a node that could not be reached is tried last.
    private static let failureMemory: Duration = .seconds(30)

    init(
        state: DeviceState, group: any EventLoopGroup, clock: WallClock,
        nearby: NearbyAddresses = NearbyAddresses(nil)
    ) {
        self.state = state
        self.clock = clock
        self.nearby = nearby
        nearbyClient = TransportClient(group: group, timeout: Self.nearbyTimeout)
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

    /// Where a node or device was found on this network.
    nonisolated func nearbyAddresses(of staticKey: [UInt8]) -> [String] { nearby.addresses(of: staticKey) }

    /// A connection to a device that was found on this network; one that could not be reached is left alone for a while.
    func connection(_ initiator: Int64, atNearby device: X25519.PublicKey) async throws -> ClientConnection {
        let door = Door(initiator: initiator, node: device.bytes)
        if let failure = failures[door], .now - failure < Self.failureMemory { throw TransportError.disconnected }
        return try await connection(initiator, at: try NodeEntry(noise: device, addresses: []))
    }

    /// This machine is in another network: attempts that were begun in the old one are given up, and all may be tried anew.
    /// Open connections of which nothing is heard are lost with the addresses that they were made between.
    func networkChanged() async {
        failures = [:]
        for task in opening.values { task.cancel() }
        await withDiscardingTaskGroup { group in
            for connection in open.values {
                group.addTask {
                    let answer = await Deadline.wait(Self.nearbyPatience) {
                        try? await connection.request(.with { $0.ping = WirePing() })
                    }
                    guard case .some(.some) = answer else { return connection.closeSoon() }
                }
            }
        }
    }

    /// Somebody was found on this network: whoever could not be reached may be tried at once.
    func forgetFailures() { failures = [:] }

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
        let key = node.noise.bytes
        let found = nearby.addresses(of: key)
        let worked = try await state.store.read { try WorkedAddresses.find(key, in: $0) }
        // The one that worked last before the configured ones.
        let known = (worked.map { [$0] } ?? []) + node.addresses
        var failure: (any Error)?
        var hasSkipped = false
        for (client, addresses) in [(nearbyClient, found), (client, known.filter { !found.contains($0) })] {
            for address in addresses where failure == nil || !Task.isCancelled {
                do {
                    let credentials = initiator.credentials(for: node)
                    var connection: ClientConnection
                    do {
                        connection = try await client.connect(
                            to: address, credentials: credentials,
                            counter: UInt64(clamping: try await nextCounter(id)))
                    } catch TransportError.refused where id == state.ownInitiator && !hasSkipped {
                        // A restored device has counted on with the same key, if this is an old copy of it: above that the
                        // node says so.
                        hasSkipped = true
                        connection = try await client.connect(
                            to: address, credentials: credentials,
                            counter: UInt64(clamping: try await counterFromClock(id)))
                    }
                    if address != worked, worked != nil || address != node.addresses.first {
                        try await state.store.write { try WorkedAddresses.set(address, for: key, in: $0) }
                    }
                    return connection
                } catch let error as TransportError {
                    failure = error
                    if found.contains(address) { nearby.unreachable(address) }
                }
            }
        }
        if case TransportError.refused(let address)? = failure, id == state.ownInitiator, !node.addresses.isEmpty {
            // The account's devices get an answer for as long as they are listed.
            unknownTo = address
            throw DeviceError.unknownToNode(address)
        }
        throw failure ?? TransportError.invalidAddress("")
    }

    private func counterFromClock(_ id: Int64) async throws -> Int64 {
        let now = clock.milliseconds()
        try await state.store.write { try InitiatorRows.skip(id, now: now, in: $0) }
        counters[id] = nil
        return try await nextCounter(id)
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
