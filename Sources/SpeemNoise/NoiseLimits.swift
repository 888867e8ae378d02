/// Every length and limit of Noise (revision 34) as SPEEM uses it.
public enum NoiseLimits {
    /// Bytes of a Diffie-Hellman key (section 12.1, DHLEN).
    public static let keyLength = 32
    /// Bytes of a hash (section 12.8, HASHLEN of BLAKE2b).
    public static let hashLength = 64
    /// Bytes of a BLAKE2b block (section 12.8, BLOCKLEN).
    public static let blockLength = 128
    /// Bytes of an authentication tag (section 12.3).
    public static let tagLength = 16
    /// Bytes of a pre-shared key (section 9).
    public static let preSharedKeyLength = 32
    /// Bytes of any message (section 3).
    public static let messageLength = 65_535
    /// Bytes of a transport message's payload.
    public static let payloadLength = messageLength - tagLength
    /// Messages of one direction under one key: then both sides rekey. Far below what ChaCha20-Poly1305 bears, so that
    /// a key stolen from memory opens little of what went before.
    public static let messagesPerKey: UInt64 = 65_536
    /// Bytes of the first message before its payload's ciphertext: e, encrypted s.
    static let firstMessagePrefix = keyLength + keyLength + tagLength
    /// The nonce that is never used for a message (section 5.1).
    static let reservedNonce = UInt64.max
}
