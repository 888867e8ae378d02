public import SpeemCrypto
import SpeemIdentity

/// A session at rest. The bytes hold secrets: they belong into the encrypted store and nowhere else.
extension Session {
    private static let version: UInt8 = 1

    /// The whole state, for ``init(encoded:)``.
    public var encoded: SecretBytes {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(id)
        writer.write(peer.account.bytes)
        writer.write(peer.device.encoded)
        writer.write(lengthPrefixed: associatedData)
        writer.write(lengthPrefixed: initial?.encoded ?? [])
        writer.write(ratchet.rootKey.exposedCopy())
        writer.write(ratchet.ownRatchetKey.secret.exposedCopy())
        writer.write(lengthPrefixed: ratchet.peerRatchetKey?.bytes ?? [])
        writer.write(chain: ratchet.sending)
        writer.write(chain: ratchet.receiving)
        writer.write(bigEndian: ratchet.previousCount)
        writer.write(bigEndian: UInt16(ratchet.skipped.count))
        for skipped in ratchet.skipped {
            writer.write(skipped.ratchetKey.bytes)
            writer.write(bigEndian: skipped.number)
            writer.write(skipped.key.exposedCopy())
        }
        writer.write(UInt8(ratchet.pastRatchetKeys.count))
        for key in ratchet.pastRatchetKeys { writer.write(key.bytes) }
        return SecretBytes(writer.bytes)
    }

    /// - Throws: ``SessionError/malformed(_:)``.
    public init(encoded: SecretBytes) throws(SessionError) {
        guard encoded.count <= SessionLimits.encodedSessionLength else { throw .malformed("a stored session") }
        var reader = ByteReader(encoded.exposedCopy())
        do {
            guard try reader.readByte() == Self.version else { throw ByteReader.Truncated() }
            let id = try reader.read(16)
            let account = try AccountPublicKey(try reader.read(32))
            let peer = SessionParty(account: account, device: try DeviceEntry(&reader))
            let associatedData = try reader.readLengthPrefixed(limit: 1024)
            let initialBytes = try reader.readLengthPrefixed(limit: 2048)
            var initialReader = ByteReader(initialBytes)
            let initial = initialBytes.isEmpty ? nil : try InitialPart(&initialReader)
            let rootKey = SecretBytes(try reader.read(32))
            let own = try X25519.PrivateKey(SecretBytes(try reader.read(32)))
            let peerBytes = try reader.readLengthPrefixed(limit: 32)
            let peerKey = peerBytes.isEmpty ? nil : try X25519.PublicKey(peerBytes)
            let sending = try reader.readChain()
            let receiving = try reader.readChain()
            let previousCount = try reader.readBigEndian(UInt32.self)
            var skipped: [DoubleRatchet.SkippedKey] = []
            for _ in 0..<Int(try reader.readBigEndian(UInt16.self)) {
                skipped.append(
                    DoubleRatchet.SkippedKey(
                        ratchetKey: try X25519.PublicKey(try reader.read(32)),
                        number: try reader.readBigEndian(UInt32.self), key: SecretBytes(try reader.read(32))))
            }
            var past: [X25519.PublicKey] = []
            for _ in 0..<Int(try reader.readByte()) { past.append(try X25519.PublicKey(try reader.read(32))) }
            guard reader.remaining == 0 else { throw ByteReader.Truncated() }
            self.init(
                id: id, peer: peer, associatedData: associatedData,
                ratchet: DoubleRatchet(
                    rootKey: rootKey, ownRatchetKey: own, peerRatchetKey: peerKey, sending: sending,
                    receiving: receiving, previousCount: previousCount, skipped: skipped, pastRatchetKeys: past),
                initial: initial)
        } catch {
            throw .malformed("a stored session")
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(chain: DoubleRatchet.Chain?) {
        write(chain == nil ? 0 : 1)
        guard let chain else { return }
        write(chain.key.exposedCopy())
        write(bigEndian: chain.next)
    }
}

extension ByteReader {
    fileprivate mutating func readChain() throws(Truncated) -> DoubleRatchet.Chain? {
        switch try readByte() {
        case 0: return nil
        case 1: return DoubleRatchet.Chain(key: SecretBytes(try read(32)), next: try readBigEndian(UInt32.self))
        default: throw Truncated()
        }
    }
}
