public import SpeemCrypto

/// The five messages of a claim on the network, each of one length, so that a connection needs no frames.
///
///     device → node   hello         version 1 | nonce 16
///     node → device   nonce         16
///     device → node   share         Ya 32
///     node → device   share         Yb 32
///     device → node   confirmation  32
///     node → device   grant         confirmation 32 | sealed (length 2 | payload | zeros, 4,098 in all) 4,114
///
/// The device confirms first: whoever guesses at a node learns nothing that could be tried against other codes later.
public enum ClaimMessage {
    static let version: UInt8 = 1
    static let nonceLength = 16
    /// Bytes of the device's first message.
    public static let helloLength = 1 + nonceLength
    /// Bytes of the node's answer to it.
    public static let replyLength = nonceLength
    /// Bytes of a share, from either side.
    public static let shareLength = Ristretto255.length
    /// Bytes of the device's confirmation.
    public static let confirmationLength = HMACSHA256.length
    /// Bytes that the node can hand over at the most: an invite's text.
    public static let payloadLimit = 4096
    static let paddedLength = 2 + payloadLimit
    /// Bytes of the node's last message.
    public static let grantLength = confirmationLength + paddedLength + ChaCha20Poly1305.tagLength
}

/// Why a claim on the network failed.
public enum ClaimExchangeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A message that has not the length of its kind, or a payload that cannot be one.
    case malformed
    /// The device speaks a version of the exchange that this program does not know.
    case unknownVersion(UInt8)
    /// The peer's share is no element of the group, or its identity: never an honest peer's.
    case invalidShare
    /// The confirmation does not match. The code is another one, or somebody changed a message, or relays them: no more
    /// can be told.
    case codeOrPeerWrong

    public var description: String {
        switch self {
        case .malformed: "a message of the claim is malformed"
        case .unknownVersion(let version): "the claim has version \(version), which this program does not know"
        case .invalidShare: "the peer's share is invalid"
        case .codeOrPeerWrong: "the code or the peer is wrong"
        }
    }
}

/// Bytes as they come from a connection, until a whole message is there.
public struct ClaimMessageBuffer: Sendable {
    private var bytes: [UInt8] = []

    public init() {}

    /// Appends what has come. The caller reads no more from the connection than one message needs.
    public mutating func append(_ more: some Collection<UInt8>) { bytes += more }

    /// The next message of `length` bytes; nil while it is not complete.
    public mutating func next(_ length: Int) -> [UInt8]? {
        guard bytes.count >= length else { return nil }
        defer { bytes.removeFirst(length) }
        return Array(bytes[..<length])
    }
}
