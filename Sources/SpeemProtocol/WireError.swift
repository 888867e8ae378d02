/// Why bytes from a peer are not a message.
public enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// More bytes than the limit for this kind of message.
    case tooLarge(message: String, limit: Int)
    /// Truncated, or not protobuf.
    case malformed(message: String)
    /// None of the kinds that this version knows.
    case unknownKind(message: String)
    /// A field of fixed length with another length.
    case wrongLength(field: String, expected: Int, actual: Int)
    /// A field over its limit, in bytes or elements.
    case overLimit(field: String, limit: Int)
    /// A list that must not be empty.
    case missing(field: String)
    /// A list that names one thing twice.
    case repeated(field: String)

    public var description: String {
        switch self {
        case .tooLarge(let message, let limit): "the \(message) has more than \(limit) bytes"
        case .malformed(let message): "the \(message) cannot be decoded"
        case .unknownKind(let message): "the \(message) is of no kind this version knows"
        case .wrongLength(let field, let expected, let actual): "\(field) has \(actual) bytes instead of \(expected)"
        case .overLimit(let field, let limit): "\(field) is over its limit of \(limit)"
        case .missing(let field): "\(field) is missing"
        case .repeated(let field): "\(field) names something twice"
        }
    }
}
