import SpeemCrypto
import Testing

@testable import SpeemDiscovery

struct ServiceRecordTests {
    private let key = EndpointKey(SecretBytes([UInt8](repeating: 7, count: 32)))

    private func parse(_ strings: [String]) -> ServiceRecord? { ServiceRecord(strings: strings.map { Array($0.utf8) }) }

    @Test func whatIsWrittenIsRead() throws {
        let record = ServiceRecord.peer(try #require(key), random: SystemRandomSource())
        #expect(parse(record.strings) == record)
        #expect(parse(ServiceRecord.unowned.strings) == .unowned)
    }

    /// The first 16 bytes of BLAKE2b-256, keyed with the endpoint's key, over the nonce.
    @Test func tag() throws {
        let key = try #require(key)
        let record = ServiceRecord.peer(key, random: SystemRandomSource())
        guard case .peer(let nonce, let tag) = record else {
            Issue.record("no peer")
            return
        }
        #expect(nonce.count == 16)
        #expect(tag == Array(BLAKE2b.hash(nonce, key: key.secret, length: 32).prefix(16)))
        #expect(record.isOf(key))
        let other = try #require(EndpointKey(SecretBytes([UInt8](repeating: 8, count: 32))))
        #expect(!record.isOf(other))
        #expect(!ServiceRecord.unowned.isOf(key))
    }

    @Test func noTwoRecordsHaveAnythingInCommon() throws {
        let key = try #require(key)
        var parts: Set<String> = []
        for _ in 0..<100 {
            let strings = ServiceRecord.peer(key, random: SystemRandomSource()).strings
            #expect(strings[0] == "v=1")
            for string in strings.dropFirst() { #expect(parts.insert(string).inserted) }
        }
    }

    @Test func everyOtherBitMakesAStranger() throws {
        let key = try #require(key)
        guard case .peer(let nonce, let tag) = ServiceRecord.peer(key, random: SystemRandomSource()) else { return }
        for bit in 0..<128 {
            var (otherNonce, otherTag) = (nonce, tag)
            otherNonce[bit / 8] ^= 1 << UInt8(bit % 8)
            otherTag[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!ServiceRecord.peer(nonce: otherNonce, tag: tag).isOf(key))
            #expect(!ServiceRecord.peer(nonce: nonce, tag: otherTag).isOf(key))
        }
    }

    private static let hex = String(repeating: "0a", count: 16)

    @Test(arguments: [
        [], ["v=1"], ["v=2", "r=\(hex)", "t=\(hex)"], ["r=\(hex)", "t=\(hex)"], ["v=1", "r=\(hex)"],
        ["v=1", "t=\(hex)"],
        ["v=1", "r=\(hex)00", "t=\(hex)"], ["v=1", "r=\(hex)", "t=\(hex.dropLast(2))"], ["v=1", "r=zz", "t=zz"],
        ["v=1", "claim=2"], ["novalue"], ["v=1", "r=\(hex)", "t=\(hex)", String(repeating: "x", count: 65)],
        Array(repeating: "a=b", count: 9),
    ]) func whatIsNoRecord(strings: [String]) {
        #expect(parse(strings) == nil)
    }

    @Test func unknownKeysAndDoublesArePassedOver() {
        let hex = Self.hex
        let record = ServiceRecord.peer(
            nonce: [UInt8](repeating: 10, count: 16), tag: [UInt8](repeating: 10, count: 16))
        #expect(parse(["v=1", "r=\(hex)", "t=\(hex)", "x=", "v=2", "r=00"]) == record)
    }

    @Test func anyBytes() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let strings = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                (0..<Int.random(in: 0...70, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
                }
            }
            _ = ServiceRecord(strings: strings)
        }
        #expect(ServiceRecord(strings: [[0xff, 0x3d, 0xff]]) == nil)
    }

    @Test func names() {
        let names = (0..<100).map { _ in InstanceName.random(SystemRandomSource()) }
        #expect(Set(names).count == 100)
        #expect(names.allSatisfy(InstanceName.isOurs))
        for name in [
            "", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg", "aé23456789abcde",
        ] {
            #expect(!InstanceName.isOurs(name))
        }
    }
}
