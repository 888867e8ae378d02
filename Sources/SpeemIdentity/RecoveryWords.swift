public import SpeemCrypto

/// An account's 32 secret bytes as 24 words (BIP-39: 256 bits and 8 bits of SHA-256, 11 bits a word).
///
/// Only the encoding is BIP-39's: there is no passphrase, and keys are derived with HKDF by ``AccountKey``.
public struct RecoveryWords: Sendable, Equatable {
    /// Words in a phrase.
    public static let count = 24
    /// Secret bytes in a phrase.
    public static let entropyLength = 32

    /// The words, in order.
    public let words: [String]

    /// The words for `entropy` (32 bytes).
    public init(entropy: SecretBytes) {
        precondition(entropy.count == Self.entropyLength, "24 words hold 32 bytes")
        var writer = SecretWriter()
        writer.write(entropy)
        writer.write(SHA256.hash(entropy)[0])
        let bytes = writer.encoded
        words = bytes.withUnsafeBytes { bytes in
            (0..<Self.count).map { word in
                var index = 0
                for bit in (word * 11)..<(word * 11 + 11) {
                    index = index << 1 | Int(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1)
                }
                return String(WordList.words[index])
            }
        }
    }

    /// Reads words as a person types them: any case, any white space.
    ///
    /// - Throws: ``IdentityError/wordCount(_:)``, ``IdentityError/unknownWord(_:position:suggestion:)``,
    ///   ``IdentityError/wordChecksum``.
    public static func entropy(from text: String) throws(IdentityError) -> SecretBytes {
        let words = text.lowercased().split(whereSeparator: \.isWhitespace)
        guard words.count == count else { throw .wordCount(words.count) }
        let bytes = try SecretBytes(count: entropyLength + 1) { (bytes) throws(IdentityError) in
            for (position, word) in words.enumerated() {
                guard let index = index(of: word) else {
                    throw .unknownWord(String(word), position: position + 1, suggestion: suggestion(for: word))
                }
                for bit in 0..<11 where index >> (10 - bit) & 1 == 1 {
                    let place = position * 11 + bit
                    bytes[place / 8] |= 1 << UInt8(7 - place % 8)
                }
            }
        }
        let entropy = bytes.slice(0..<entropyLength)
        let checksum = bytes.withUnsafeBytes { $0[entropyLength] }
        guard SHA256.hash(entropy)[0] == checksum else { throw .wordChecksum }
        return entropy
    }

    private static func index(of word: Substring) -> Int? {
        WordList.words.firstIndex(of: word)
    }

    /// Four letters tell every word.
    private static func suggestion(for word: Substring) -> String? {
        guard word.count >= 3 else { return nil }
        return WordList.words.first { $0.prefix(4) == word.prefix(4) || $0.prefix(3) == word.prefix(3) }
            .map(String.init)
    }
}
