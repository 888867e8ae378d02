import NIOCore
public import SpeemProtocol

/// An open connection to a node.
public final class ClientConnection: Sendable {
    /// What the node pushes; ends with the connection.
    public let pushes: Pushes
    let channel: any Channel

    init(channel: any Channel, pushes: Pushes) {
        self.channel = channel
        self.pushes = pushes
    }

    /// Asks, and waits for the answer. A refusal is an answer.
    ///
    /// - Throws: ``TransportError``.
    public func request(_ request: WireRequest) async throws -> WireResponse {
        try await begin(request).get()
    }

    /// Asks all at once, in this order, and waits for all answers; they come back in the order of the requests.
    ///
    /// - Throws: ``TransportError``; then some may have been done.
    public func request(all requests: [WireRequest]) async throws -> [WireResponse] {
        let answers = requests.map { begin($0) }
        var responses: [WireResponse] = []
        for answer in answers { responses.append(try await answer.get()) }
        return responses
    }

    /// Asks all at once, in this order; each answer can be waited for by itself.
    public func begin(all requests: [WireRequest]) -> [PendingResponse] {
        requests.map { PendingResponse(answer: begin($0)) }
    }

    /// Puts a request behind all that were begun before.
    private func begin(_ request: WireRequest) -> EventLoopFuture<WireResponse> {
        let answer = channel.eventLoop.makePromise(of: WireResponse.self)
        channel.writeAndFlush(ClientRequest(request: request, answer: answer)).whenFailure { _ in
            // The handler has failed the answer unless the channel was gone before it; then this does.
            answer.fail(TransportError.disconnected)
        }
        return answer.futureResult
    }

    /// Whom it goes to, "host:port", by the address that answered.
    public var address: String {
        guard let address = channel.remoteAddress, let host = address.ipAddress, let port = address.port else {
            return "?"
        }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    public var isActive: Bool { channel.isActive }

    /// Closes; waiting requests fail.
    public func close() async {
        try? await channel.close()
    }

    /// Closes without waiting for it; waiting requests fail.
    public func closeSoon() { channel.close(promise: nil) }

    deinit { channel.close(promise: nil) }
}

/// The answer to a request that was sent.
public struct PendingResponse: Sendable {
    let answer: EventLoopFuture<WireResponse>

    /// Waits for it. A refusal is an answer.
    ///
    /// - Throws: ``TransportError``.
    public func get() async throws -> WireResponse { try await answer.get() }
}
