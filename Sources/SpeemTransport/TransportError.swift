public import SpeemProtocol

/// Why a connection could not be made, or ended.
public enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// "host:port" is not an address.
    case invalidAddress(String)
    /// The name does not resolve, or nothing answers there.
    case unreachable(address: String, reason: String)
    /// The peer closed without a word: it is not the node that we know, or does not know us (any more).
    case refused(address: String)
    /// No answer within the time.
    case timedOut(address: String)
    /// The connection ended while requests were waiting.
    case disconnected
    /// The peer said why it closes.
    case closed(WireClose.Reason, detail: String)
    /// The peer broke the protocol.
    case violation(String)
    /// A listening address cannot be used.
    case cannotListen(address: String, reason: String)

    public var description: String {
        switch self {
        case .invalidAddress(let text): "\"\(text)\" is not an address of the form host:port"
        case .unreachable(let address, let reason): "cannot reach \(address): \(reason)"
        case .refused(let address): "\(address) closed the connection without a word: it does not know this key"
        case .timedOut(let address): "\(address) did not answer in time"
        case .disconnected: "the connection was lost"
        case .closed(let reason, let detail):
            "the peer closed the connection (\(reason)\(detail.isEmpty ? "" : ": " + detail))"
        case .violation(let detail): "the peer broke the protocol: \(detail)"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        }
    }
}
