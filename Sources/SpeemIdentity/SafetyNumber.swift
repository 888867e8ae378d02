import SpeemCrypto

/// 60 digits that two people compare out of band, like Signal's safety numbers: 30 for each account key, the smaller
/// half first, so that both see the same.
public struct SafetyNumber: Sendable, Equatable, CustomStringConvertible {
    /// Hashes of an account key: finding another key with the same 30 digits costs that much more.
    static let iterations = 5200
    private static let version: [UInt8] = [0, 1]

    /// 60 digits.
    public let digits: String

    public init(_ one: AccountPublicKey, _ other: AccountPublicKey) {
        digits = [Self.half(one), Self.half(other)].sorted().joined()
    }

    /// Twelve groups of five digits, in three lines.
    public var description: String {
        let all = Array(digits)
        let groups = stride(from: 0, to: all.count, by: 5).map { String(all[$0..<($0 + 5)]) }
        return stride(from: 0, to: groups.count, by: 4).map { groups[$0..<($0 + 4)].joined(separator: " ") }
            .joined(separator: "\n")
    }

    /// 30 digits: six times 5 bytes of the last hash, each modulo 100,000.
    private static func half(_ account: AccountPublicKey) -> String {
        let label = DomainSeparator("safety number").bytes
        var hash = BLAKE2b.hash(label, version, account.bytes, length: BLAKE2b.fullLength)
        for _ in 1..<iterations { hash = BLAKE2b.hash(hash, account.bytes, length: BLAKE2b.fullLength) }
        return (0..<6).map { group in
            let number = hash[(group * 5)..<(group * 5 + 5)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 100_000
            let text = String(number)
            return String(repeating: "0", count: 5 - text.count) + text
        }.joined()
    }
}
