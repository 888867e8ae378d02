public import SpeemCrypto
import SpeemIdentity

/// A session at rest. The bytes hold secrets: they belong into the encrypted store and nowhere else.
///
///     version 1 | session id 16 | peer's account 32, peer's device entry 132
///     | associated data 2 + n | InitialPart 2 + n, n = 0 without one
///     | root key 32 | own ratchet key, private 32 | peer's ratchet key 1 + 0 or 32
///     | sending chain, receiving chain: each 0, or 1, key 32, next number 4
///     | messages of the chain before 4 | dropped below 4
///     | count 2 of skipped keys, each ratchet key 32, number 4, key 32
///     | count 1 of past chains, each ratchet key 32, dropped below 4
extension Session {
    private static let version: UInt8 = 1

    /// The whole state, for ``init(encoded:)``.
    public var encoded: SecretBytes {
        var peerPart = ByteWriter()
        peerPart.write(Self.version)
        peerPart.write(id)
        peerPart.write(peer.account.bytes)
        peerPart.write(peer.device.encoded)
        peerPart.write(lengthPrefixed: associatedData)
        peerPart.write(lengthPrefixed: initial?.encoded ?? [])
        var writer = SecretWriter()
        writer.write(peerPart.bytes)
        writer.write(ratchet)
        return writer.encoded
    }

    /// - Throws: ``SessionError/unknownVersion(_:_:)``, or ``SessionError/malformed(_:)`` for whatever
    ///   ``encoded`` does not write.
    public init(encoded: SecretBytes) throws(SessionError) {
        guard encoded.count <= SessionLimits.encodedSessionLength else { throw .malformed("a stored session") }
        var reader = SecretReader(encoded)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw SessionError.unknownVersion("a stored session", version) }
            let id = try reader.read(16)
            let account = try AccountPublicKey(try reader.read(32))
            var entry = ByteReader(try reader.read(DeviceEntry.encodedLength))
            let peer = SessionParty(account: account, device: try DeviceEntry(&entry))
            let associatedData = try reader.read(Int(try reader.readBigEndian(UInt16.self)))
            var initial: InitialPart?
            let initialLength = Int(try reader.readBigEndian(UInt16.self))
            if initialLength > 0 {
                var part = ByteReader(try reader.read(initialLength))
                initial = try InitialPart(&part)
                guard part.remaining == 0 else { throw ByteReader.Truncated() }
            }
            let ratchet = try reader.readRatchet()
            // An initial part is sent only until the first answer.
            guard reader.remaining == 0, initial == nil || ratchet.receiving == nil else {
                throw ByteReader.Truncated()
            }
            self.init(id: id, peer: peer, associatedData: associatedData, ratchet: ratchet, initial: initial)
        } catch let error as SessionError {
            throw error
        } catch {
            throw .malformed("a stored session")
        }
    }
}

extension SecretWriter {
    fileprivate mutating func write(_ ratchet: DoubleRatchet) {
        write(ratchet.rootKey)
        write(ratchet.ownRatchetKey.secret)
        write(ratchet.peerRatchetKey.map { [1] + $0.bytes } ?? [0])
        write(chain: ratchet.sending)
        write(chain: ratchet.receiving)
        write(BigEndian.bytes(ratchet.previousCount))
        write(BigEndian.bytes(ratchet.droppedBelow))
        // Both counts are far below what their field holds: the ratchet keeps to SessionLimits.
        write(BigEndian.bytes(UInt16(ratchet.skipped.count)))
        for skipped in ratchet.skipped {
            write(skipped.ratchetKey.bytes + BigEndian.bytes(skipped.number))
            write(skipped.key)
        }
        write(UInt8(ratchet.past.count))
        for chain in ratchet.past { write(chain.ratchetKey.bytes + BigEndian.bytes(chain.droppedBelow)) }
    }

    private mutating func write(chain: DoubleRatchet.Chain?) {
        write(chain == nil ? 0 : 1)
        guard let chain else { return }
        write(chain.key)
        write(BigEndian.bytes(chain.next))
    }
}

extension SecretReader {
    fileprivate mutating func readRatchet() throws -> DoubleRatchet {
        let rootKey = try readSecret(32)
        let own = try X25519.PrivateKey(try readSecret(X25519.length))
        let peer = try readFlag() ? try X25519.PublicKey(try read(X25519.length)) : nil
        let sending = try readChain()
        let receiving = try readChain()
        // Chains come from a key of the peer's, and a responder that has received can send.
        guard peer != nil || sending == nil, sending != nil || receiving == nil else { throw ByteReader.Truncated() }
        let previousCount = try readBigEndian(UInt32.self)
        let droppedBelow = try readBigEndian(UInt32.self)
        let skippedCount = Int(try readBigEndian(UInt16.self))
        guard skippedCount <= SessionLimits.skippedInAll else { throw ByteReader.Truncated() }
        var skipped: [DoubleRatchet.SkippedKey] = []
        for _ in 0..<skippedCount {
            let ratchetKey = try X25519.PublicKey(try read(X25519.length))
            let number = try readBigEndian(UInt32.self)
            guard number < .max else { throw ByteReader.Truncated() }
            skipped.append(DoubleRatchet.SkippedKey(ratchetKey: ratchetKey, number: number, key: try readSecret(32)))
        }
        let pastCount = Int(try readByte())
        guard pastCount <= SessionLimits.rememberedRatchetKeys else { throw ByteReader.Truncated() }
        var past: [DoubleRatchet.PastChain] = []
        for _ in 0..<pastCount {
            past.append(
                DoubleRatchet.PastChain(
                    ratchetKey: try X25519.PublicKey(try read(X25519.length)),
                    droppedBelow: try readBigEndian(UInt32.self)))
        }
        return DoubleRatchet(
            rootKey: rootKey, ownRatchetKey: own, peerRatchetKey: peer, sending: sending, receiving: receiving,
            previousCount: previousCount, skipped: skipped, droppedBelow: droppedBelow, past: past)
    }

    private mutating func readFlag() throws(ByteReader.Truncated) -> Bool {
        switch try readByte() {
        case 0: false
        case 1: true
        default: throw ByteReader.Truncated()
        }
    }

    private mutating func readChain() throws(ByteReader.Truncated) -> DoubleRatchet.Chain? {
        guard try readFlag() else { return nil }
        return DoubleRatchet.Chain(key: try readSecret(32), next: try readBigEndian(UInt32.self))
    }
}
