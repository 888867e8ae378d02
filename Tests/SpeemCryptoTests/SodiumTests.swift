import SpeemCrypto
import Testing

@Suite struct SodiumTests {
    @Test func theVersionHasThreeNumbers() {
        let numbers = Sodium.version.split(separator: ".").map { Int($0) }
        #expect(numbers.count == 3 && !numbers.contains(nil))
        #expect(numbers.first == 1)
    }
}

@Suite struct RandomSourceTests {
    @Test func bytesAreTakenInOrder() {
        let random = ScriptedRandomSource(counting(20))
        #expect(random.bytes(3) == [0, 1, 2])
        #expect(random.bytes(0).isEmpty)
        #expect(random.secret(4).exposedCopy() == [3, 4, 5, 6])
        #expect(random.secret(0).count == 0)
        #expect(random.bytes(13) == counting(13, from: 7))
        #expect(random.taken == 20)
    }

    @Test func everyPrimitiveTakesWhatItNeedsAndNoMore() throws {
        let random = ScriptedRandomSource(counting(32 + 32 + 64 + 24))
        let agreement = X25519.PrivateKey(random: random)
        let signing = Ed25519.PrivateKey(random: random)
        let encapsulation = try MLKEM.PrivateKey(random: random)
        let box = XChaCha20Poly1305.seal(text("m"), key: agreement.secret, random: random)
        #expect(agreement.secret.exposedCopy() == counting(32))
        #expect(signing.seed.exposedCopy() == counting(32, from: 32))
        #expect(encapsulation.seed.exposedCopy() == counting(64, from: 64))
        #expect(Array(box[..<24]) == counting(24, from: 128))
        #expect(random.taken == 152)
    }

    @Test func theSystemsBytesNeverRepeat() {
        let random = SystemRandomSource()
        var seen: Set<[UInt8]> = []
        for _ in 0..<1_000 { #expect(seen.insert(random.bytes(16)).inserted) }
        #expect(random.secret(32) != random.secret(32))
    }

    @Test func theSystemFillsEveryByte() {
        // A byte stays zero in 64 draws with a chance of 2 to the -512.
        var ored = [UInt8](repeating: 0, count: 1_000)
        for _ in 0..<64 {
            for (index, byte) in SystemRandomSource().bytes(1_000).enumerated() { ored[index] |= byte }
        }
        #expect(!ored.contains(0))
    }

    @Test func theSystemFillsTheBufferAndNothingAroundIt() {
        var bytes = [UInt8](repeating: 0, count: 96)
        bytes.withUnsafeMutableBytes { buffer in
            for _ in 0..<64 { SystemRandomSource().fill(UnsafeMutableRawBufferPointer(rebasing: buffer[32..<64])) }
        }
        #expect(bytes[..<32].allSatisfy { $0 == 0 } && bytes[64...].allSatisfy { $0 == 0 })
        #expect(bytes[32..<64].contains { $0 != 0 })
    }

    @Test func aBufferWithoutAnAddressIsLeftAlone() {
        SystemRandomSource().fill(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        #expect(SystemRandomSource().bytes(0).isEmpty)
    }

    @Test func theSystemServesManyTasksAtOnce() async {
        let all = await withTaskGroup(of: [[UInt8]].self) { group in
            for _ in 0..<8 { group.addTask { (0..<100).map { _ in SystemRandomSource().bytes(16) } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(all).count == 800)
    }
}
