public import NIOCore

/// Limits of connections that a configuration may change, and those that it may not.
public struct TransportLimits: Sendable {
    /// Connections of all peers; beyond it new ones are closed at once.
    public var connections: Int
    /// Connections of one remote address, before it is known whose they are; beyond it new ones are closed at once.
    public var connectionsPerAddress: Int
    /// Connections of one grant; beyond it the oldest is closed.
    public var connectionsPerGrant: Int
    /// From the first byte to the end of the handshake.
    public var handshakeTimeout: TimeAmount
    /// Without a request, where nothing is pushed.
    public var idleTimeout: TimeAmount

    public init(
        connections: Int = 256, connectionsPerAddress: Int = 32, connectionsPerGrant: Int = 4,
        handshakeTimeout: TimeAmount = .seconds(5), idleTimeout: TimeAmount = .minutes(10)
    ) {
        self.connections = connections
        self.connectionsPerAddress = connectionsPerAddress
        self.connectionsPerGrant = connectionsPerGrant
        self.handshakeTimeout = handshakeTimeout
        self.idleTimeout = idleTimeout
    }

    /// How long a peer that was asked something may say nothing that helps: a group commit on a slow card takes seconds, and a peer
    /// that lost its power says nothing at all.
    public static let answerTimeout: TimeAmount = .seconds(30)
    /// How many times as long one request may wait while others are answered: 4 MiB of them on a slow line take minutes.
    static let answerPatience = 20
    /// After this a new handshake is due (design, section 5).
    static let maxAge: TimeAmount = .hours(24)
    /// Bytes of the length in front of a Noise message.
    static let lengthPrefix = 2
    /// Bytes of the first message's payload: the initiator's counter.
    static let counterLength = 8
    /// Connections that wait to be accepted.
    static let backlog: Int32 = 128
    /// What both sides must agree on: protocol version and suite.
    static let prologue = Array("speem/1 Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b".utf8)
}
