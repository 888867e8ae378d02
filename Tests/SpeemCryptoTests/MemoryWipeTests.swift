#if os(Linux)
    import TestTools
    import SpeemCrypto
    import Testing

    /// Searches this process's own memory for secrets that should be gone.
    @Suite(.serialized) struct MemoryWipeTests {
        @Test func aSecretIsGoneWithItsLastReference() throws {
            let pattern = Pattern(21)
            var secret: SecretBytes? = SecretBytes(count: Pattern.length) { pattern.fill($0) }
            #expect(try pattern.occurrences() == 1, "the search finds a living secret")
            withExtendedLifetime(secret) {}
            secret = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func aSecretThatWasNeverFinishedIsGone() throws {
            let pattern = Pattern(22)
            #expect(throws: CryptoError.weakPublicKey) {
                try SecretBytes(count: Pattern.length) { (buffer) throws(CryptoError) in
                    pattern.fill(buffer)
                    throw .weakPublicKey
                }
            }
            #expect(try pattern.occurrences() == 0)
        }

        @Test func copyingABufferLeavesNoThirdCopy() throws {
            let pattern = Pattern(23)
            let original = UnsafeMutableRawBufferPointer.allocate(byteCount: Pattern.length, alignment: 16)
            defer { original.deallocate() }
            pattern.fill(original)
            var secret: SecretBytes? = SecretBytes(UnsafeRawBufferPointer(original))
            #expect(try pattern.occurrences() == 2)
            withExtendedLifetime(secret) {}
            Wipe.zero(original)
            #expect(try pattern.occurrences() == 1)
            secret = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func slicesAreGoneToo() throws {
            let pattern = Pattern(24)
            var secret: SecretBytes? = SecretBytes(count: Pattern.length) { pattern.fill($0) }
            var slice = secret?.slice(0..<Pattern.length)
            #expect(try pattern.occurrences() == 2)
            withExtendedLifetime((secret, slice)) {}
            secret = nil
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime(slice) {}
            slice = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func theKeysOfX25519AreGone() throws {
            let pattern = Pattern(26)
            var key: X25519.PrivateKey? = try X25519.PrivateKey(pattern.middleSecret())
            #expect(try pattern.occurrences() == 1)
            if let key { _ = try key.sharedSecret(with: key.publicKey) }
            key = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func theKeysOfEd25519AreGone() throws {
            let pattern = Pattern(27)
            var key: Ed25519.PrivateKey? = try Ed25519.PrivateKey(seed: pattern.middleSecret())
            #expect(try pattern.occurrences() == 2, "the seed, and libsodium's form of the key, which begins with it")
            _ = key?.sign(text("message"), domain: DomainSeparator("test signature"))
            key = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func encryptingLeavesNoKey() throws {
            let pattern = Pattern(28)
            var key: SecretBytes? = pattern.middleSecret()
            if let key {
                let box = XChaCha20Poly1305.seal(text("message"), key: key, random: SystemRandomSource())
                _ = try XChaCha20Poly1305.open(box, key: key)
                let other = ChaCha20Poly1305.seal(text("m"), key: key, nonce: counting(12), associatedData: [])
                _ = try ChaCha20Poly1305.open(other, key: key, nonce: counting(12), associatedData: [])
            }
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime(key) {}
            key = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func derivingAndHashingLeaveNoKey() throws {
            let pattern = Pattern(29)
            var key: SecretBytes? = SecretBytes(count: Pattern.length) { pattern.fill($0) }
            if let key {
                _ = HKDF.derive(secret: key, salt: key, info: text("label"), length: 100)
                _ = HMACSHA256.tag(text("message"), key: key)
                _ = BLAKE2b.hash(text("message"), key: key)
            }
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime(key) {}
            key = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func wipingAnArrayLeavesNothing() throws {
            let pattern = Pattern(25)
            var bytes = [UInt8](repeating: 0, count: Pattern.length)
            bytes.withUnsafeMutableBytes { pattern.fill($0) }
            #expect(try pattern.occurrences() == 1)
            Wipe.zero(&bytes)
            #expect(try pattern.occurrences() == 0)
            withExtendedLifetime(bytes) {}
        }
    }

    /// Bytes that occur nowhere else, and of which no second copy is kept: they are made anew for every comparison.
    private struct Pattern {
        static let length = 64
        /// Inside both a block of the whole and one of its middle half, past the first 16 bytes, where allocators write
        /// into freed blocks.
        static let compared = 32..<48
        /// Half of the bytes, for keys of 32.
        static let middle = 16..<48
        let seed: UInt64

        init(_ seed: UInt64) {
            self.seed = seed
        }

        func fill(_ buffer: UnsafeMutableRawBufferPointer) {
            for index in 0..<min(buffer.count, Self.length) { buffer[index] = byte(index) }
        }

        /// The middle half as a secret of its own.
        func middleSecret() -> SecretBytes {
            SecretBytes(count: Self.middle.count) { buffer in
                for index in Self.middle { buffer[index - Self.middle.lowerBound] = byte(index) }
            }
        }

        private func byte(_ index: Int) -> UInt8 {
            var generator = SeededGenerator(seed << 32 | UInt64(index))
            return UInt8(truncatingIfNeeded: generator.next() >> 24) | 1
        }

        /// How often the compared part lies in the writable memory of this process.
        func occurrences() throws -> Int {
            try MemorySearch.occurrences(count: Self.compared.count) { byte(Self.compared.lowerBound + $0) }
        }
    }
#endif
