import SpeemCrypto

/// The layout of a spool file.
///
///     header, 512 bytes: "speem-spool-1\n" and zeros to 16 | number of the file 8 |
///         sealed box of: K0 32, link 32, number of the file 8 | zeros
///     records, each beginning at a multiple of 512:
///         number 8, counted from 0 | length of the box 4 | box: nonce 24, entries, tag 16 | zeros
///     entries: each behind its length as 4 bytes
///
/// Record i is under K_i, and K_{i+1} is derived from K_i, which is then wiped: who takes the machine cannot read what came
/// before. The link is the hash of the file before as it was when this one was begun. A record is what was written with
/// one sync, so behind a torn one there is none.
public enum SpoolFormat {
    static let magic = Array("speem-spool-1\n".utf8) + [0, 0]
    /// What records are aligned to, in bytes: a sector, so that writing one touches no other.
    static let sector = 512
    /// Length of a file's header, in bytes.
    static let headerLength = sector
    /// Length of K_i, of a link and of a file's hash, in bytes.
    public static let hashLength = 32
    static let keyLength = XChaCha20Poly1305.keyLength
    private static let openedLength = keyLength + hashLength + 8
    private static let boxLength = openedLength + SealedBox.overhead
    /// Bytes of a record's number and length.
    static let recordHead = 12
    /// Bytes of an entry at the most: the largest request, with who asked.
    public static let maxEntry = 272 * 1024
    /// Bytes of entries in one record, with their lengths.
    static let maxRecord = 1024 * 1024
    /// What stands for the file before the first one.
    public static let noLink = [UInt8](repeating: 0, count: hashLength)

    /// What the header seals to the store.
    struct Opened {
        let key: SecretBytes
        let link: [UInt8]
    }

    // MARK: Header

    static func header(
        number: UInt64, key: SecretBytes, link: [UInt8], recipient: X25519.PublicKey
    ) throws(CryptoError) -> [UInt8] {
        precondition(key.count == keyLength && link.count == hashLength, "a spool's key and link have 32 bytes")
        var writer = SecretWriter()
        writer.write(key)
        writer.write(link)
        writer.write(BigEndian.bytes(number))
        var plain = writer.encoded.exposedCopy()
        defer { Wipe.zero(&plain) }
        let box = try SealedBox.seal(plain, to: recipient)
        return padded(magic + BigEndian.bytes(number) + box)
    }

    /// - Returns: nil when it is no header of that file for this recipient.
    static func open(header: [UInt8], number: UInt64, with recipient: X25519.PrivateKey) -> Opened? {
        let start = magic.count + 8
        guard header.count == headerLength, header.starts(with: magic + BigEndian.bytes(number)),
            header[(start + boxLength)...].allSatisfy({ $0 == 0 })
        else { return nil }
        guard var plain = try? SealedBox.open(Array(header[start..<(start + boxLength)]), with: recipient) else {
            return nil
        }
        defer { Wipe.zero(&plain) }
        guard plain.count == openedLength, Array(plain[(keyLength + hashLength)...]) == BigEndian.bytes(number) else {
            return nil
        }
        return Opened(
            key: SecretBytes(plain[..<keyLength]), link: Array(plain[keyLength..<(keyLength + hashLength)]))
    }

    /// Names the file in the associated data of its records. 32 bytes.
    static func name(header: [UInt8]) -> [UInt8] { BLAKE2b.hash(domain: DomainSeparator("spool file"), header) }

    // MARK: Records

    static func next(_ key: SecretBytes) -> SecretBytes {
        HKDF.derive(secret: key, info: DomainSeparator("spool key").bytes, length: keyLength)
    }

    private static func associatedData(_ name: [UInt8], _ number: UInt64) -> [UInt8] {
        DomainSeparator("spool record").bytes + name + BigEndian.bytes(number)
    }

    static func record(
        _ entries: [[UInt8]], number: UInt64, name: [UInt8], key: SecretBytes, random: some RandomSource
    ) -> [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(entries.reduce(0) { $0 + $1.count + 4 })
        for entry in entries { plain += BigEndian.bytes(UInt32(entry.count)) + entry }
        let box = XChaCha20Poly1305.seal(
            plain, key: key, associatedData: associatedData(name, number), random: random)
        return padded(BigEndian.bytes(number) + BigEndian.bytes(UInt32(box.count)) + box)
    }

    /// - Returns: nil when it does not authenticate.
    static func open(box: [UInt8], number: UInt64, name: [UInt8], key: SecretBytes) -> [[UInt8]]? {
        guard let plain = try? XChaCha20Poly1305.open(box, key: key, associatedData: associatedData(name, number))
        else { return nil }
        var reader = ByteReader(plain)
        var entries: [[UInt8]] = []
        while reader.remaining > 0 {
            guard let length = try? reader.readBigEndian(UInt32.self), let entry = try? reader.read(Int(length)) else {
                return nil
            }
            entries.append(entry)
        }
        return entries
    }

    /// Bytes that a record of boxes of `length` takes in the file.
    static func space(box length: Int) -> Int { roundedUp(recordHead + length) }

    /// Bytes that a record of these entries takes in the file.
    static func space(entries: Int, count: Int) -> Int {
        space(box: entries + 4 * count + XChaCha20Poly1305.overhead)
    }

    private static func roundedUp(_ count: Int) -> Int { (count + sector - 1) / sector * sector }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: roundedUp(bytes.count) - bytes.count)
    }
}
