import SpeemCrypto

/// What the TXT record of a SPEEM service says (RFC 6763, section 6).
public enum ServiceRecord: Sendable, Equatable {
    /// A device or node that whoever has its key recognises: a random nonce, and the first bytes of BLAKE2b-256 over it, keyed
    /// with the endpoint's key.
    case peer(nonce: [UInt8], tag: [UInt8])
    /// A node that nobody owns, where it is taken with the code that it shows.
    case unowned

    /// The DNS-SD type.
    public static let type = "_speem._tcp"
    static let domain = "local"
    /// Bytes
    static let nonceLength = 16
    /// Bytes
    static let tagLength = 16
    /// Strings of a TXT record that are looked at; ours has three.
    static let maxStrings = 8
    /// Bytes of one of them; ours have 34 at the most.
    static let maxStringBytes = 64
    private static let version = "1"

    /// A record of an endpoint with a nonce that was never used before.
    static func peer(_ key: EndpointKey, random: some RandomSource) -> ServiceRecord {
        let nonce = random.bytes(nonceLength)
        return .peer(nonce: nonce, tag: key.tag(for: nonce))
    }

    /// The strings of the TXT record.
    var strings: [String] {
        switch self {
        case .peer(let nonce, let tag): ["v=\(Self.version)", "r=\(Hex.encode(nonce))", "t=\(Hex.encode(tag))"]
        case .unowned: ["v=\(Self.version)", "claim=1"]
        }
    }

    /// - Returns: nil for anything that is not a record of this version. Unknown keys are passed over.
    init?(strings: [[UInt8]]) {
        guard strings.count <= Self.maxStrings else { return nil }
        var values: [String: String] = [:]
        for string in strings {
            guard string.count <= Self.maxStringBytes, let equals = string.firstIndex(of: UInt8(ascii: "=")),
                let key = String(validating: string[..<equals], as: UTF8.self),
                let value = String(validating: string[(equals + 1)...], as: UTF8.self)
            else { return nil }
            // The first of several counts (section 6.4).
            if values[key] == nil { values[key] = value }
        }
        guard values["v"] == Self.version else { return nil }
        if values["claim"] == "1" {
            self = .unowned
            return
        }
        guard let nonce = values["r"].flatMap({ Hex.decode($0) }), nonce.count == Self.nonceLength,
            let tag = values["t"].flatMap({ Hex.decode($0) }), tag.count == Self.tagLength
        else { return nil }
        self = .peer(nonce: nonce, tag: tag)
    }

    /// Whether it is a record of the endpoint with this key.
    func isOf(_ key: EndpointKey) -> Bool {
        guard case .peer(let nonce, let tag) = self else { return false }
        return ConstantTime.equal(key.tag(for: nonce), tag)
    }
}

/// Names of service instances: random, and another one with every record.
enum InstanceName {
    /// Bytes of randomness; twice as many characters.
    private static let length = 8

    static func random(_ random: some RandomSource) -> String { Hex.encode(random.bytes(length)) }

    /// Whether it looks like one of ours: others are not asked for.
    static func isOurs(_ name: String) -> Bool {
        name.utf8.count == 2 * length
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }
}
