public import SpeemCrypto

/// The eight digits that a node shows and a person types.
public struct ClaimCode: Sendable, Equatable {
    /// Digits of a code.
    public static let length = 8
    /// Bytes of a typed text at the most; more is not looked at.
    static let maxTextLength = 64

    /// In ASCII. Compared in constant time.
    let digits: SecretBytes

    /// A fresh code, each as likely as any other.
    public init(random: some RandomSource) {
        let count: UInt32 = 100_000_000
        // What lies above the last whole multiple would make low codes likelier, and is drawn again.
        let limit = UInt32.max - UInt32.max % count
        var value: UInt32
        repeat {
            value = 0
            random.secret(4).withUnsafeBytes { for byte in $0 { value = value << 8 | UInt32(byte) } }
        } while value >= limit
        value %= count
        digits = SecretBytes(count: Self.length) { out in
            for index in out.indices.reversed() {
                out[index] = UInt8(ascii: "0") + UInt8(value % 10)
                value /= 10
            }
        }
    }

    /// A text is not a code.
    public struct TextError: Error, Equatable, Sendable, CustomStringConvertible {
        public var description: String { "a code has \(ClaimCode.length) digits, such as 1234 5678" }
    }

    /// Reads a code as it was typed: spaces and hyphens do not count.
    public init(text: String) throws(TextError) {
        guard text.utf8.count <= Self.maxTextLength else { throw TextError() }
        var typed: [UInt8] = []
        defer { Wipe.zero(&typed) }
        for character in text where !character.isWhitespace && character != "-" {
            guard let digit = character.asciiValue, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else {
                throw TextError()
            }
            typed.append(digit)
        }
        guard typed.count == Self.length else { throw TextError() }
        digits = SecretBytes(typed)
    }

    /// The code for the person at the console: "1234 5678". Like any text it is not wiped.
    public var text: String {
        let all = digits.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        return "\(all.prefix(Self.length / 2)) \(all.suffix(Self.length / 2))"
    }
}
