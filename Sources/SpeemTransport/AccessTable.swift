public import SpeemCrypto

/// A row of the access table: who may open a connection.
public struct AccessGrant: Sendable, Equatable {
    /// The node's number for it.
    public let id: Int64
    /// 32 bytes.
    public let preSharedKey: SecretBytes

    public init(id: Int64, preSharedKey: SecretBytes) {
        self.id = id
        self.preSharedKey = preSharedKey
    }
}

/// Which initiator keys may connect. Asked on the event loop: it answers from memory.
public protocol AccessTable: Sendable {
    /// The grant of an initiator key.
    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant?

    /// Whether `counter` is above all that this grant has shown before; remembers it then. A recorded first message,
    /// sent again, fails here.
    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool

    /// A second static key that the responder answers to for now; it is tried where a first message is not for the first.
    var temporaryStaticKey: X25519.PrivateKey? { get }
}

extension AccessTable {
    public var temporaryStaticKey: X25519.PrivateKey? { nil }
}
