import SpeemCrypto
import Testing

@Suite struct SecretBytesTests {
    @Test func holdsACopyOfItsBytes() {
        var bytes = counting(40)
        let secret = SecretBytes(bytes)
        bytes[0] = 99
        #expect(secret.count == 40)
        #expect(secret.exposedCopy() == counting(40))
        #expect(secret.withUnsafeBytes { Array($0) } == counting(40))
    }

    @Test func takesAnyCollectionOfBytes() {
        #expect(SecretBytes(counting(9)[3..<6]).exposedCopy() == [3, 4, 5])
        #expect(SecretBytes("abc".utf8).exposedCopy() == text("abc"))
        #expect(SecretBytes(repeatElement(7, count: 3)).exposedCopy() == [7, 7, 7])
        #expect(counting(5).withUnsafeBytes { SecretBytes($0) }.exposedCopy() == counting(5))
        #expect(UnsafeRawBufferPointer(start: nil, count: 0).count == 0)
        #expect(SecretBytes(UnsafeRawBufferPointer(start: nil, count: 0)).count == 0)
    }

    @Test func startsWithZeros() {
        #expect(SecretBytes(count: 64) { _ in }.exposedCopy() == [UInt8](repeating: 0, count: 64))
        #expect(SecretBytes(count: 0) { _ in }.exposedCopy().isEmpty)
    }

    @Test func passesOnTheErrorOfWhoFillsIt() {
        #expect(throws: CryptoError.weakPublicKey) {
            try SecretBytes(count: 8) { (_) throws(CryptoError) in throw .weakPublicKey }
        }
        let secret = SecretBytes([1])
        #expect(throws: CryptoError.authenticationFailed) {
            try secret.withUnsafeBytes { (_) throws(CryptoError) in throw .authenticationFailed }
        }
    }

    @Test func isEqualToTheSameBytesOnly() {
        let secret = SecretBytes(counting(32))
        #expect(secret == SecretBytes(counting(32)))
        #expect(secret == secret)
        #expect(secret != SecretBytes(counting(31)))
        #expect(secret != SecretBytes(counting(33)))
        #expect(secret != SecretBytes([]))
        #expect(SecretBytes([]) == SecretBytes([]))
        forEachBitFlip(of: counting(32)) { flipped, byte, bit in
            #expect(secret != SecretBytes(flipped), "byte \(byte), bit \(bit)")
        }
    }

    @Test func everySliceIsASecretOfItsOwn() {
        let secret = SecretBytes(counting(10))
        for lower in 0...10 {
            for upper in lower...10 {
                #expect(secret.slice(lower..<upper) == SecretBytes(counting(upper - lower, from: lower)))
            }
        }
    }

    @Test func aSliceOutlivesTheWhole() {
        var whole: SecretBytes? = SecretBytes(counting(64))
        let part = whole?.slice(16..<48)
        whole = nil
        #expect(part?.exposedCopy() == counting(32, from: 16))
    }

    @Test func aSliceOutsideIsOurMistake() async {
        await #expect(processExitsWith: .failure) { _ = SecretBytes(counting(4)).slice(2..<5) }
        await #expect(processExitsWith: .failure) { _ = SecretBytes(counting(4)).slice(-1..<2) }
    }

    @Test func noDescriptionShowsTheContents() {
        let secret = SecretBytes(text("hunter2hunter2"))
        var dumped = ""
        dump(secret, to: &dumped)
        dump([secret], to: &dumped)
        let shown = [
            "\(secret)", String(describing: secret), String(reflecting: secret), secret.description, "\([secret])",
            "\(Optional(secret) as Any)", dumped,
        ]
        for text in shown {
            #expect(!text.contains("hunter2") && !text.contains("68756e74657232") && !text.contains("104, 117"))
            #expect(text.contains("SecretBytes"))
        }
        #expect(secret.description == "SecretBytes(14)")
    }

    @Test func isReleasedWithTheLastReference() {
        weak var observed: SecretBytes?
        do {
            let secret = SecretBytes([1, 2, 3])
            observed = secret
            #expect(observed != nil)
        }
        #expect(observed == nil)
    }

    @Test func manyTasksReadOneSecret() async {
        let secret = SecretBytes(counting(1_000))
        let equal = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (0..<50).allSatisfy { _ in secret.exposedCopy() == counting(1_000) } } }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(equal)
    }
}

@Suite struct WipeTests {
    @Test func zerosEveryByteInPlace() {
        for length in [0, 1, 2, 31, 32, 33, 1_000] {
            var bytes = [UInt8](repeating: 0xff, count: length)
            Wipe.zero(&bytes)
            #expect(bytes == [UInt8](repeating: 0, count: length))
        }
    }

    @Test func zerosTheBufferAndNothingAroundIt() {
        var bytes = [UInt8](repeating: 0xff, count: 30)
        bytes.withUnsafeMutableBytes { Wipe.zero(UnsafeMutableRawBufferPointer(rebasing: $0[10..<20])) }
        #expect(
            bytes == [UInt8](repeating: 0xff, count: 10) + [UInt8](repeating: 0, count: 10)
                + [UInt8](repeating: 0xff, count: 10))
    }

    @Test func aBufferWithoutAnAddressIsLeftAlone() {
        Wipe.zero(UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }

    @Test func anotherCopyOfTheArrayIsNotTouched() {
        var bytes = counting(8)
        let copy = bytes
        Wipe.zero(&bytes)
        #expect(copy == counting(8) && bytes != copy)
    }
}

@Suite struct ConstantTimeTests {
    @Test func comparesEveryBit() {
        for length in [1, 2, 16, 33] {
            let bytes = counting(length)
            #expect(ConstantTime.equal(bytes, counting(length)))
            forEachBitFlip(of: bytes) { flipped, _, _ in #expect(!ConstantTime.equal(bytes, flipped)) }
        }
    }

    @Test func anotherLengthIsNotEqual() {
        #expect(!ConstantTime.equal([], [0]))
        #expect(!ConstantTime.equal([0], []))
        #expect(!ConstantTime.equal([0, 0], [0]))
        #expect(ConstantTime.equal([UInt8](), []))
    }

    @Test func buffersWithoutAnAddressAreEqual() {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(ConstantTime.equal(none, none))
        [UInt8(1)].withUnsafeBytes {
            #expect(!ConstantTime.equal($0, none))
            #expect(ConstantTime.equal(UnsafeRawBufferPointer(rebasing: $0[..<0]), none))
        }
    }
}
