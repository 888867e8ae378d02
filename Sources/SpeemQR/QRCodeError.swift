/// Why a text cannot be a QR code.
public enum QRCodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text has more UTF-8 bytes than the largest symbol holds for its characters and level.
    case tooLong(bytes: Int, limit: Int)

    /// A name for programs; it never changes.
    public var code: String {
        switch self {
        case .tooLong: "qr-too-long"
        }
    }

    public var description: String {
        switch self {
        case .tooLong(let bytes, let limit): "the text has \(bytes) bytes, a QR code of its kind holds \(limit)"
        }
    }
}
