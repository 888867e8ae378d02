public import SpeemCrypto

/// A node as the roster and invites list it: its Noise static key and where to find it.
public struct NodeEntry: Sendable, Hashable {
    /// Addresses of a node at the most.
    public static let maxAddresses = 8
    /// Bytes of an address in UTF-8 at the most: a DNS name of 253, brackets and a port fit.
    public static let maxAddressBytes = 262

    public let noise: X25519.PublicKey
    /// "host:port", tried in order; IPv6 addresses in brackets.
    public let addresses: [String]

    /// - Throws: ``IdentityError/malformed(_:)`` for too many or too long addresses.
    public init(noise: X25519.PublicKey, addresses: [String]) throws(IdentityError) {
        guard addresses.count <= Self.maxAddresses,
            addresses.allSatisfy({ (1...Self.maxAddressBytes).contains($0.utf8.count) && Self.isPrintable($0) })
        else { throw .malformed("a node's addresses") }
        self.noise = noise
        self.addresses = addresses
    }

    /// Key type and key (33 bytes), the number of addresses, each address behind its length of 2 bytes.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(KeyType.nodeNoise.rawValue)
        writer.write(noise.bytes)
        writer.write(UInt8(addresses.count))
        for address in addresses { writer.write(lengthPrefixed: Array(address.utf8)) }
        return writer.bytes
    }

    /// - Throws: ``IdentityError/malformed(_:)``.
    public init(_ reader: inout ByteReader) throws(IdentityError) {
        let key: X25519.PublicKey
        var addresses: [String] = []
        do {
            key = try X25519.PublicKey(try reader.readKey(.nodeNoise))
            let count = Int(try reader.readByte())
            guard count <= Self.maxAddresses else { throw ByteReader.Truncated() }
            for _ in 0..<count {
                let bytes = try reader.readLengthPrefixed(limit: Self.maxAddressBytes)
                guard let address = String(validating: bytes, as: UTF8.self) else { throw ByteReader.Truncated() }
                addresses.append(address)
            }
        } catch {
            throw .malformed("a node entry")
        }
        guard !key.isWeak else { throw .malformed("a node's key") }
        try self.init(noise: key, addresses: addresses)
    }

    /// Addresses reach terminals and logs: nothing but visible ASCII.
    private static func isPrintable(_ address: String) -> Bool {
        address.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }
}
