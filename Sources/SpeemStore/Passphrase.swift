public import SpeemCrypto

/// A passphrase: one line of UTF-8, 1 to 1,024 bytes, without control characters.
///
/// Its bytes are taken as they were typed; the same letters in another Unicode form are another passphrase.
public struct Passphrase: Sendable, Equatable {
    /// Its bytes, which wipe themselves.
    public let secret: SecretBytes

    /// The longest passphrase, in bytes.
    public static let maximumLength = 1024

    /// Why bytes are no passphrase.
    public enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        case empty
        case tooLong
        case notUTF8
        case controlCharacter

        public var description: String {
            switch self {
            case .empty: "the passphrase is empty"
            case .tooLong: "the passphrase has more than \(Passphrase.maximumLength) bytes"
            case .notUTF8: "the passphrase is not UTF-8 text"
            case .controlCharacter: "the passphrase is not one line of text"
            }
        }
    }

    public init(_ secret: SecretBytes) throws(Refusal) {
        guard secret.count > 0 else { throw .empty }
        guard secret.count <= Self.maximumLength else { throw .tooLong }
        try secret.withUnsafeBytes { (bytes) throws(Refusal) in
            // Decoding scalar by scalar makes no copy of the text.
            var decoder = UTF8()
            var iterator = bytes.makeIterator()
            while true {
                switch decoder.decode(&iterator) {
                case .scalarValue(let scalar):
                    guard scalar.value >= 0x20, scalar.value != 0x7f else { throw .controlCharacter }
                case .error: throw .notUTF8
                case .emptyInput: return
                }
            }
        }
        self.secret = secret
    }
}
