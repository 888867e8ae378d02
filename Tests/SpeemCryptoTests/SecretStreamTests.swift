import Testing

@testable import SpeemCrypto

struct SecretStreamTests {
    private let key = SystemRandomSource().secret(SecretStream.keyLength)

    @Test func chunksOfAllLengths() throws {
        let sealer = try SecretStream.Sealer(key: key)
        let chunks = [[], [1], [UInt8](repeating: 7, count: 70_000), []]
        let sealed = chunks.enumerated().map { sealer.seal($1, associated: [UInt8($0)], isLast: $0 == 3) }
        #expect(zip(chunks, sealed).allSatisfy { $1.count == $0.count + SecretStream.overhead })
        let opener = try SecretStream.Opener(key: key, header: sealer.header)
        for (index, chunk) in chunks.enumerated() {
            let opened = try opener.open(sealed[index], associated: [UInt8(index)])
            #expect(opened.chunk == chunk)
            #expect(opened.isLast == (index == 3))
        }
    }

    @Test func whateverIsChangedShows() throws {
        let sealer = try SecretStream.Sealer(key: key)
        let first = sealer.seal([1, 2, 3], associated: [4], isLast: false)
        let second = sealer.seal([5], isLast: true)
        func open(_ chunks: [[UInt8]], header: [UInt8]? = nil, key other: SecretBytes? = nil) throws {
            let opener = try SecretStream.Opener(key: other ?? key, header: header ?? sealer.header)
            for (index, chunk) in chunks.enumerated() {
                _ = try opener.open(chunk, associated: index == 0 ? [4] : [])
            }
        }
        try open([first, second])
        for index in first.indices {
            var changed = first
            changed[index] ^= 1
            #expect(throws: CryptoError.authenticationFailed) { try open([changed]) }
        }
        #expect(throws: CryptoError.authenticationFailed) { try open([second]) }
        #expect(throws: CryptoError.authenticationFailed) { try open([first, first]) }
        #expect(throws: CryptoError.authenticationFailed) { try open([Array(first.prefix(16))]) }
        #expect(throws: CryptoError.authenticationFailed) { try open([[]]) }
        var header = sealer.header
        header[0] ^= 1
        #expect(throws: CryptoError.authenticationFailed) { try open([first], header: header) }
        #expect(throws: CryptoError.authenticationFailed) {
            try open([first], key: SystemRandomSource().secret(SecretStream.keyLength))
        }
    }

    @Test func wrongLengths() {
        #expect(throws: CryptoError.self) { try SecretStream.Sealer(key: SecretBytes([1])) }
        #expect(throws: CryptoError.self) { try SecretStream.Opener(key: key, header: [1]) }
        #expect(throws: CryptoError.self) {
            try SecretStream.Opener(key: SecretBytes([1]), header: [UInt8](repeating: 0, count: 24))
        }
    }

    /// What is sealed to the key that belongs to a signing key is opened with its secret.
    @Test func agreementKeysOfSigningKeys() throws {
        let signing = Ed25519.PrivateKey(random: SystemRandomSource())
        #expect(try signing.publicKey.agreementKey == signing.agreementKey.publicKey)
        let box = try SealedBox.seal([1, 2], to: try signing.publicKey.agreementKey)
        #expect(try SealedBox.open(box, with: signing.agreementKey) == [1, 2])
        let other = Ed25519.PrivateKey(random: SystemRandomSource())
        #expect(throws: CryptoError.authenticationFailed) { try SealedBox.open(box, with: other.agreementKey) }
    }

    /// Points of small order, and what is no point, belong to nobody.
    @Test func weakSigningKeys() throws {
        for first: UInt8 in [0, 1] {
            let key = try Ed25519.PublicKey([first] + [UInt8](repeating: 0, count: 31))
            #expect(throws: CryptoError.weakPublicKey) { try key.agreementKey }
        }
    }
}
