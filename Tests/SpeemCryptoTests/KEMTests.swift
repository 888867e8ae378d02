import SpeemCrypto
import Testing

@Suite struct MLKEMTests {
    /// The first test of NIST's KAT file for ML-KEM-768, kept in swift-crypto 4.5.2 as MLKEM768KAT.json: d and z are the
    /// first 64 bytes of the file's generator. All values, and those below that are not in the file, were
    /// recomputed with a second implementation, kyber-py 1.2.0.
    enum Known {
        static let seed = """
            7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d
            b505d7cfad1b497499323c8686325e4792f267aafa3f87ca60d01cb54f29202a
            """
        static let publicKeySHA256 = "86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4"
        static let sharedSecret = "ac865f839fef1bf3d528dd7504bed2f64b5502b0fa81d1c32763658e4aac5037"
        /// SHAKE256(z, ciphertext) with the ciphertext's first bit flipped: FIPS 203, algorithm 18, line 7.
        static let rejectionSecret = "088b6554ddf5887adfe8d4e82ff6809ca0cd56aee96aea3a0cc0d29bd5f87bb0"
        static let ciphertext = """
            3b835a5fa145387a0819c4daa1e65fbe2ba5400afcd640bbddbbe3585f24bedd51289694a4fe643cd5af9c8eb277c3f1877a347a
            97ebea8a037971c6b37993e433cfaf580eba4b7fda990d54bf4d60caf9d1cafc477fd956f8e6070b6aeec6776eb814835407b5f7
            05db9472701d16e00655024a309b14ddbf36d222bb509647a5a049d5816f49ad9f2975ddb64c2df05ffeb24c6a3f24a786dbf4f6
            d5666fc55fb73539679dc15b72fb4f6ce38feb281d28c908d5195db7008315978ef9d2c67dc4dbcc4962467a2d44f7235fa54ebd
            88bdec32408b1f7aff1b842064075651f03a3afd2721ed1fe4ff1a8775c6b4d95764555412cff2f8aa4404900f33585f0bd1b709
            55cff80130dcc2403920e9744a3d0da914405561ecb2bb32120b7adbd2f4d8e9a07b4630480b8df8c068934ffd9bc9b855a888ee
            ca090f211905e074a078ab68917e7445a6c7c7e39403753ce19b6614b9d222ab99f263a681cec6c037587ef051f0f7294e376528
            b31789a530342258241c99ae7d384bcd61012a32a977c638b09a3bc16a33aa47cf2d7f12d79d8aa50f63c8c53c439800b2ed9bba
            9481eb181b4244ed067d62695d6a99dfd7bf8788c159caaf94e9fda92ac5a93f59a0df7c0f9bbd417cb8cf45d1076006e08a9e58
            5ee4d7394265582a87641f1653be9edf194401e6e4ee93c4ab054a1b6e81e3bf01fd26f2e9a6db5bf6c0dbd21e14c2e1a5a4cff0
            b267ed95427b0b049eff7fbc093b054510578523ac7a32cc1f8edfcf078a6c71e6e6788edfda7d7badd375f7d911efafb9cb406e
            968bc5989418fb09729ed51c92c4aeae10846384f4a091c405ad85773fe0ade816eddfd618ba0ea5deb73cc43592e06301511802
            5542871e7a60f844a6b2c3d630f9c6f85791e8d2bdf3578ff92628e8acaf02b88d79797fb1ac30153201fcad2234fbd4f2fc84fa
            7d2ab6fb2e4d9b55f11dd91a798726107c6842c3e7a1ca895035a8fe701058e3426e17bbf04c23e78ffb283e027e1c636b1cf9de
            d3f5909ebcb0fc63608e918c9ea9a7f7b6d3ece727dac128d31b7c0ffd9e43046ae6a53c25888d0e602b2302e255dca8c58c10c0
            10269152582c598fdda0b8f43e311ea15ba96e0d9ff3936f5f18631fb9d03020e342647be078c12a9475474b3dee55abc0e3dd80
            4d73fd929b6af94a67dd27c35b5fc2c9bce500b8103b984423cec746231a5b819acdea138816e70a95005ea92f7232b666e772c0
            60f95e20612eb7dad3297a342a7817c73e24318a0b761562d1ccb6b5d618cbe06f4b1e7b351b6b831fc83479eb34bf947b68b3a1
            b557ad866872656c9f59e7578061e84dbae900af3301bef1eaa0c6424746302930bb685c8f3d9721521ed61bb648a4d5335c4ebf
            3061f8863941955242feeec86462828239f460f55cf9de10bada5627f9d3328362d6ada08f70f0c65c5a155b2da66156a6aae555
            c0371328924928e046135daaf48b86c1ea78b56f40afb2794fb74b9627e2a43aabf3e17a84ee7ad30cf79eb20a72ac69
            """
    }

    let key: MLKEM.PrivateKey

    init() throws {
        key = try MLKEM.PrivateKey(seed: SecretBytes(octets(Known.seed)))
    }

    @Test func matchesNISTsKeyGeneration() throws {
        #expect(key.publicKey.bytes.count == MLKEM.publicKeyLength)
        #expect(SHA256.hash(key.publicKey.bytes) == (try octets(Known.publicKeySHA256)))
    }

    @Test func matchesNISTsDecapsulation() throws {
        let secret = try key.decapsulate(octets(Known.ciphertext))
        #expect(secret.exposedCopy() == (try octets(Known.sharedSecret)))
    }

    @Test func aForgedCiphertextGivesTheRejectionSecret() throws {
        var ciphertext = try octets(Known.ciphertext)
        ciphertext[0] ^= 1
        #expect(try key.decapsulate(ciphertext).exposedCopy() == (try octets(Known.rejectionSecret)))
    }

    @Test func theOwnerFindsTheSecretThatTheSenderMade() throws {
        for seed in UInt64(0)..<10 {
            var generator = SeededGenerator(seed)
            let owner = try MLKEM.PrivateKey(seed: SecretBytes(generator.bytes(64)))
            let (ciphertext, sharedSecret) = try MLKEM.PublicKey(owner.publicKey.bytes).encapsulate()
            #expect(ciphertext.count == MLKEM.ciphertextLength)
            #expect(sharedSecret.count == MLKEM.sharedSecretLength)
            #expect(try owner.decapsulate(ciphertext) == sharedSecret)
        }
    }

    @Test func everyEncapsulationIsNew() throws {
        let first = try key.publicKey.encapsulate()
        let second = try key.publicKey.encapsulate()
        #expect(first.ciphertext != second.ciphertext)
        #expect(first.sharedSecret != second.sharedSecret)
    }

    @Test func anyFlippedByteOfTheCiphertextGivesASecretOfItsOwn() throws {
        let (ciphertext, sharedSecret) = try key.publicKey.encapsulate()
        var seen: Set<[UInt8]> = [sharedSecret.exposedCopy()]
        for index in ciphertext.indices {
            var forged = ciphertext
            forged[index] ^= 1 << UInt8(index % 8)
            let secret = try key.decapsulate(forged)
            #expect(secret.count == MLKEM.sharedSecretLength)
            #expect(seen.insert(secret.exposedCopy()).inserted, "byte \(index)")
            if index % 100 == 0 { #expect(try key.decapsulate(forged) == secret, "a rejection is repeatable") }
        }
    }

    @Test func anotherKeyFindsAnotherSecret() throws {
        let (ciphertext, sharedSecret) = try key.publicKey.encapsulate()
        let other = try MLKEM.PrivateKey(random: SystemRandomSource())
        #expect(try other.decapsulate(ciphertext) != sharedSecret)
        // The same d with another z: the same public key, another rejection.
        var seed = try octets(Known.seed)
        seed[63] ^= 1
        let twin = try MLKEM.PrivateKey(seed: SecretBytes(seed))
        #expect(twin.publicKey == key.publicKey && twin != key)
        #expect(try twin.decapsulate(ciphertext) == sharedSecret)
        var forged = ciphertext
        forged[0] ^= 1
        #expect(try twin.decapsulate(forged) != key.decapsulate(forged))
    }

    @Test func everyOtherCiphertextLengthIsRefused() throws {
        for length in [0, 1, 768, 1_087, 1_089, 1_568] {
            #expect(
                throws: CryptoError.wrongLength(of: "an ML-KEM-768 ciphertext", expected: 1_088, actual: length)
            ) { try key.decapsulate(counting(length)) }
        }
    }

    @Test func everyOtherPublicKeyLengthIsRefused() {
        for length in [0, 1, 800, 1_183, 1_185, 1_568] {
            #expect(
                throws: CryptoError.wrongLength(of: "an ML-KEM-768 public key", expected: 1_184, actual: length)
            ) { try MLKEM.PublicKey([UInt8](repeating: 0, count: length)) }
        }
    }

    @Test func everyOtherSeedLengthIsRefused() {
        for length in [0, 1, 32, 63, 65, 2_400] {
            #expect(throws: CryptoError.wrongLength(of: "an ML-KEM-768 seed", expected: 64, actual: length)) {
                try MLKEM.PrivateKey(seed: SecretBytes(counting(length)))
            }
        }
    }

    /// FIPS 203, section 7.2: the modulus check. The key's first 1,152 bytes are 768 numbers of 12 bits below 3,329.
    @Test func aPublicKeyWithANumberThatIsNotReducedIsRefused() {
        for number in [0, 1, 255, 511, 767] {
            for value in [3_329, 3_330, 4_095] {
                #expect(throws: CryptoError.malformedKEMInput, "number \(number) is \(value)") {
                    try MLKEM.PublicKey(with(number, setTo: value))
                }
            }
        }
    }

    @Test func aPublicKeyWithTheLargestNumbersIsAccepted() throws {
        for number in [0, 1, 767] {
            let accepted = try MLKEM.PublicKey(with(number, setTo: 3_328))
            #expect(try accepted.encapsulate().ciphertext.count == MLKEM.ciphertextLength)
        }
    }

    @Test func everyBitOfThePublicKeyCounts() throws {
        for index in stride(from: 0, to: MLKEM.publicKeyLength, by: 37) {
            var bytes = key.publicKey.bytes
            bytes[index] ^= 1
            // A key with another number in it is a key, but not this one's.
            guard let other = try? MLKEM.PublicKey(bytes) else { continue }
            let (ciphertext, sharedSecret) = try other.encapsulate()
            #expect(try key.decapsulate(ciphertext) != sharedSecret)
            #expect(other != key.publicKey)
        }
    }

    @Test func freshKeysTakeTheirSeedsFromTheSourceInOrder() throws {
        let random = ScriptedRandomSource(counting(128))
        let first = try MLKEM.PrivateKey(random: random)
        let second = try MLKEM.PrivateKey(random: random)
        #expect(first.seed.exposedCopy() == Array(counting(128)[..<64]))
        #expect(second.seed.exposedCopy() == Array(counting(128)[64...]))
        #expect(random.taken == 128)
        #expect(try first == MLKEM.PrivateKey(seed: SecretBytes(counting(64))))
        #expect(first.publicKey != second.publicKey)
    }

    /// The known public key with its `number`-th number of 12 bits replaced (FIPS 203, algorithm 5: little-endian bits).
    private func with(_ number: Int, setTo value: Int) -> [UInt8] {
        var bytes = key.publicKey.bytes
        let start = number / 2 * 3
        if number.isMultiple(of: 2) {
            bytes[start] = UInt8(value & 0xff)
            bytes[start + 1] = bytes[start + 1] & 0xf0 | UInt8(value >> 8)
        } else {
            bytes[start + 1] = bytes[start + 1] & 0x0f | UInt8(value & 0x0f) << 4
            bytes[start + 2] = UInt8(value >> 4)
        }
        return bytes
    }
}
