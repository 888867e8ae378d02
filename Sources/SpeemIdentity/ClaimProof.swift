public import SpeemCrypto

/// What a device signs when it takes a node: that this node is to let in this key for it, and nobody else's.
///
///     node's Noise key, behind its type 33 | roster head 32 | device id 16 | initiator key, behind its type 33
///     | pre-shared key 32 | recovery grant: initiator key 32, pre-shared key 32; or nothing
///
/// Only a device that the chain lists can sign it, so whoever has read a claim invite or a provisioned node's file takes
/// no node in another account's name. The node's key is its own and random: a signature is good for one node.
public struct ClaimProof: Sendable, Equatable {
    /// Of the signature, in bytes.
    public static let length = Ed25519.signatureLength
    private static let domain = DomainSeparator("claim")

    private let statement: SecretBytes

    /// - Parameters:
    ///   - node: the node's own key.
    ///   - head: of the chain that the claim brings.
    ///   - initiatorKey: 32 bytes.
    ///   - preSharedKey: 32 bytes.
    ///   - recovery: the key and pre-shared key of the grant for the recovery words, 32 bytes each.
    public init(
        node: X25519.PublicKey, head: RosterHead, device: DeviceID, initiatorKey: [UInt8], preSharedKey: SecretBytes,
        recovery: (initiatorKey: [UInt8], preSharedKey: SecretBytes)?
    ) {
        var writer = SecretWriter()
        writer.write(KeyType.nodeNoise.rawValue)
        writer.write(node.bytes)
        writer.write(head.bytes)
        writer.write(device.bytes)
        writer.write(KeyType.initiator.rawValue)
        writer.write(initiatorKey)
        writer.write(preSharedKey)
        if let recovery {
            writer.write(recovery.initiatorKey)
            writer.write(recovery.preSharedKey)
        }
        statement = writer.encoded
    }

    /// The device's signature, 64 bytes.
    public func signed(by keys: DeviceKeys) -> [UInt8] {
        var bytes = statement.exposedCopy()
        defer { Wipe.zero(&bytes) }
        return keys.signing.sign(bytes, domain: Self.domain)
    }

    /// Whether `signature` is that of `device`.
    public func isSigned(_ signature: [UInt8], by device: DeviceEntry) -> Bool {
        var bytes = statement.exposedCopy()
        defer { Wipe.zero(&bytes) }
        return (try? device.signing.verify(signature, of: bytes, domain: Self.domain)) != nil
    }
}
