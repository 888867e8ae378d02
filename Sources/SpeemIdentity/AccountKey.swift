public import SpeemCrypto

/// A person: an Ed25519 key that signs the first roster entry and recovery entries only. It is kept on no device; the
/// ``RecoveryWords`` are all there is of it.
public struct AccountKey: Sendable {
    /// The 32 bytes behind the words.
    public let entropy: SecretBytes
    let signingKey: Ed25519.PrivateKey

    /// A new account.
    public init(random: some RandomSource) {
        self.init(checked: random.secret(RecoveryWords.entropyLength))
    }

    /// The account of these words.
    public init(words text: String) throws(IdentityError) {
        self.init(checked: try RecoveryWords.entropy(from: text))
    }

    private init(checked entropy: SecretBytes) {
        self.entropy = entropy
        let seed = HKDF.derive(
            secret: entropy, info: DomainSeparator("account key").bytes, length: Ed25519.length)
        // The seed has the length that is asked for in the line above.
        guard let key = try? Ed25519.PrivateKey(seed: seed) else { preconditionFailure("a seed has 32 bytes") }
        signingKey = key
    }

    /// What others know of the account.
    public var publicKey: AccountPublicKey { AccountPublicKey(key: signingKey.publicKey) }

    /// What opens a connection to the account's own nodes for whoever has the recovery words, and nothing else.
    public var recoveryGrant: RecoveryGrant { RecoveryGrant(entropy: entropy) }

    /// Opens what was sealed to ``AccountPublicKey/sealKey``: the keys of backups.
    public var sealKey: X25519.PrivateKey { signingKey.agreementKey }

    public var words: RecoveryWords { RecoveryWords(entropy: entropy) }
}

/// An account as others know it: an Ed25519 public key, 32 bytes.
public struct AccountPublicKey: Sendable, Hashable {
    public let key: Ed25519.PublicKey

    public init(key: Ed25519.PublicKey) { self.key = key }

    /// - Throws: ``IdentityError/malformed(_:)`` for another length.
    public init(_ bytes: [UInt8]) throws(IdentityError) {
        guard let key = try? Ed25519.PublicKey(bytes) else { throw .malformed("an account key") }
        self.key = key
    }

    public var bytes: [UInt8] { key.bytes }

    /// What only the recovery words open is sealed to this. The account key, whose scalar it shares, signs nothing but roster
    /// entries, behind a domain separator.
    ///
    /// - Throws: ``SpeemCrypto/CryptoError/weakPublicKey`` for a key that no account has.
    public var sealKey: X25519.PublicKey { get throws(CryptoError) { try key.agreementKey } }
}
