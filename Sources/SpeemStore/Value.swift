public import SpeemCrypto

/// A value that is bound to a statement's parameter.
public enum Value: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
    /// Bound as a blob from memory that wipes itself.
    case secret(SecretBytes)

    /// NULL for nil.
    public static func optional(_ value: Int64?) -> Value { value.map { .integer($0) } ?? .null }
    /// NULL for nil.
    public static func optional(_ value: [UInt8]?) -> Value { value.map { .blob($0) } ?? .null }

    public static func optional(_ value: SecretBytes?) -> Value { value.map { .secret($0) } ?? .null }
    /// 1 or 0.
    public static func flag(_ value: Bool) -> Value { .integer(value ? 1 : 0) }
}
