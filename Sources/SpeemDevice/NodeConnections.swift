import NIOCore
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport

/// The device's connections, one for each initiator key, made when they are needed.
actor NodeConnections {
    private let state: DeviceState
    private let client: TransportClient
    private let clock: WallClock
    private var open: [Int64: ClientConnection] = [:]
    private var counters: [Int64: (next: Int64, end: Int64)] = [:]
    private var opening: [Int64: Task<ClientConnection, any Error>] = [:]
    private var isShutDown = false

    init(state: DeviceState, group: any EventLoopGroup, clock: WallClock) {
        self.state = state
        self.clock = clock
        client = TransportClient(group: group)
    }

    /// The open connection of an initiator key, or a new one.
    ///
    /// - Throws: ``SpeemTransport/TransportError``.
    func connection(_ initiator: Int64) async throws -> ClientConnection {
        guard !isShutDown else { throw TransportError.disconnected }
        if let connection = open[initiator] {
            if connection.isActive { return connection }
            open[initiator] = nil
        }
        if let task = opening[initiator] { return try await task.value }
        let task = Task { try await self.connect(initiator) }
        opening[initiator] = task
        defer { opening[initiator] = nil }
        let connection = try await task.value
        guard !isShutDown else {
            await connection.close()
            throw TransportError.disconnected
        }
        open[initiator] = connection
        return connection
    }

    /// Whether the node is there and knows the key: a node answers no handshake of a key that it does not know.
    func isKnown(_ initiator: Int64) async -> Bool { (try? await connection(initiator)) != nil }

    func close(_ initiator: Int64) async {
        guard let connection = open.removeValue(forKey: initiator) else { return }
        await connection.close()
    }

    /// Closes all, for good: what waits for an answer or a connection fails at once.
    func shutDown() async {
        isShutDown = true
        for task in opening.values { task.cancel() }
        let connections = open.values
        open = [:]
        for connection in connections { await connection.close() }
    }

    /// Asks over the connection of an initiator key.
    func request(_ request: WireRequest, over initiator: Int64) async throws -> WireResponse {
        try await connection(initiator).request(request)
    }

    private func connect(_ id: Int64) async throws -> ClientConnection {
        guard let initiator = try await state.store.read({ try InitiatorRows.find(id, in: $0) }) else {
            throw TransportError.invalidAddress("")
        }
        return try await client.connect(toAnyOf: initiator.addresses, credentials: initiator.credentials) {
            UInt64(clamping: try await self.nextCounter(id))
        }
    }

    /// Counts up from blocks that are reserved on disk first.
    private func nextCounter(_ id: Int64) async throws -> Int64 {
        if let block = counters[id], block.next < block.end {
            counters[id] = (block.next + 1, block.end)
            return block.next
        }
        let now = clock.milliseconds()
        let first = try await state.store.write { try InitiatorRows.reserve(id, now: now, in: $0) }
        counters[id] = (first + 1, first + InitiatorRows.block)
        return first
    }
}

extension WireResponse {
    /// The refusal inside, as an error for people.
    func requireNoRefusal() throws {
        if case .refusal(let refusal) = kind { throw RefusalError(refusal) }
    }
}

/// A node's refusal.
struct RefusalError: Error, Equatable, CustomStringConvertible {
    let code: WireRefusal.Code
    let detail: String
    let retryAfterMilliseconds: UInt32

    init(_ refusal: WireRefusal) {
        code = refusal.code
        detail = refusal.detail
        retryAfterMilliseconds = refusal.retryAfterMs
    }

    var description: String { detail.isEmpty ? "\(code)" : detail }

    /// Whether the same request may succeed later.
    var isTemporary: Bool {
        switch code {
        case .mailboxFull, .nodeFull, .diskFull, .busy, .internal, .noPrekeys, .nodeRetired, .unknownRoute, .outboxFull:
            true
        case .unspecified, .notAllowed, .malformed, .tooLarge, .conflict, .unknownMailbox, .inviteUsed,
            .inviteExpired, .inviteWrongKind, .rosterConflict, .rosterRefused, .alreadyOwned, .grantRevoked,
            .UNRECOGNIZED:
            false
        }
    }
}
