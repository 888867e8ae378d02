import SpeemCrypto

/// A message of the Double Ratchet.
///
///     ratchet key 33 | messages of the chain before 4 | number in this chain 4 | nonce 24, ciphertext, tag 16
struct RatchetMessage: Sendable, Equatable {
    /// Double Ratchet specification, section 3.5: HEADER(dh, pn, n).
    struct Header: Sendable, Equatable {
        let ratchetKey: X25519.PublicKey
        let previousCount: UInt32
        let number: UInt32

        /// 41 bytes.
        var encoded: [UInt8] {
            [KeyType.ratchet.rawValue] + ratchetKey.bytes + BigEndian.bytes(previousCount) + BigEndian.bytes(number)
        }
    }

    let header: Header
    let ciphertext: [UInt8]

    var encoded: [UInt8] { header.encoded + ciphertext }

    init(header: Header, ciphertext: [UInt8]) {
        self.header = header
        self.ciphertext = ciphertext
    }

    /// Takes all that is left of `reader`.
    init(_ reader: inout ByteReader) throws(SessionError) {
        do {
            guard try reader.readByte() == KeyType.ratchet.rawValue else { throw ByteReader.Truncated() }
            header = Header(
                ratchetKey: try X25519.PublicKey(try reader.read(X25519.length)),
                previousCount: try reader.readBigEndian(UInt32.self), number: try reader.readBigEndian(UInt32.self))
        } catch {
            throw .malformed("a ratchet message")
        }
        ciphertext = reader.readRest()
    }
}
