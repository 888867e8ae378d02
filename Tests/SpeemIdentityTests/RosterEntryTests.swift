import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct RosterEntryTests {
    @Test func comesBackAsItWas() throws {
        let person = try Person()
        let entry = try person.next(nodes: [
            try node(["a:1", "[::1]:2", "host.example:65535"]), try node([]),
        ])
        let read = try RosterEntry(entry.encoded)
        #expect(read == entry)
        #expect(read.head == entry.head)
        #expect(read.sequence == 2 && read.previous == person.roster.head)
    }

    @Test func everyByteCounts() throws {
        let person = try Person()
        let genesis = person.roster.newest
        for index in genesis.encoded.indices {
            var bytes = genesis.encoded
            bytes[index] ^= 1
            let entry = try? RosterEntry(bytes)
            #expect((try? entry.map { try Roster(genesis: $0) }) == nil || entry == nil, "byte \(index)")
        }
        for count in genesis.encoded.indices {
            #expect(throws: IdentityError.self) { _ = try RosterEntry(Array(genesis.encoded[..<count])) }
        }
        #expect(throws: IdentityError.self) { _ = try RosterEntry(genesis.encoded + [0]) }
        #expect(throws: IdentityError.self) { _ = try RosterEntry([UInt8](repeating: 1, count: 40_000)) }
        var later = genesis.encoded
        later[0] = 2
        #expect(throws: IdentityError.unknownVersion("a roster entry", 2)) { _ = try RosterEntry(later) }
    }

    @Test func typesCannotChangePlaces() throws {
        let keys = DeviceKeys(random: random)
        var reader = ByteReader(keys.entry.encoded)
        #expect(try DeviceEntry(&reader) == keys.entry)
        #expect(keys.entry.encoded.count == DeviceEntry.encodedLength)
        for offset in [0, 33, 66, 99] {
            var bytes = keys.entry.encoded
            bytes[offset] ^= 0x0f
            var reader = ByteReader(bytes)
            #expect(throws: IdentityError.self) { _ = try DeviceEntry(&reader) }
        }
        // Another key anywhere is another device.
        #expect(keys.entry.id != DeviceKeys(random: random).entry.id)
        #expect(keys.entry.id.bytes.count == DeviceID.length)
    }

    @Test func keysComeBack() throws {
        let keys = DeviceKeys(random: random)
        let again = try DeviceKeys(
            signing: keys.signing.seed, identity: keys.identity.secret, seal: keys.seal.secret,
            noise: keys.noise.secret)
        #expect(again.entry == keys.entry)
        #expect(throws: CryptoError.self) {
            _ = try DeviceKeys(
                signing: SecretBytes([1]), identity: keys.identity.secret, seal: keys.seal.secret,
                noise: keys.noise.secret)
        }
    }

    @Test(arguments: [
        [String](repeating: "a:1", count: 9), [""], ["a b:1"], ["a\u{1b}[2J:1"], ["ü:1"],
        [String(repeating: "a", count: 263)],
    ])
    func addressesThatAreNone(addresses: [String]) {
        #expect(throws: IdentityError.self) { _ = try node(addresses) }
    }

    @Test(arguments: 0..<400)
    func garbageNeverTraps(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var bytes = generator.bytes(Int.random(in: 0...600, using: &generator))
        #expect((try? RosterEntry(bytes)) == nil)
        // A real entry with a stretch of garbage in it.
        bytes = try Person().roster.newest.encoded
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        if let entry = try? RosterEntry(bytes) {
            #expect((try? Roster(genesis: entry)) == nil || entry.encoded == bytes)
        }
        var reader = ByteReader(generator.bytes(200))
        #expect((try? NodeEntry(&reader)) == nil || reader.offset <= 200)
    }
}
