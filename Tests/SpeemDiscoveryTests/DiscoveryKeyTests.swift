import SpeemCrypto
import Testing

@testable import SpeemDiscovery

struct DiscoveryKeyTests {
    private func key(_ byte: UInt8) throws -> DiscoveryKey {
        try #require(DiscoveryKey(SecretBytes([UInt8](repeating: byte, count: 32))))
    }

    @Test func lengths() {
        for count in [0, 16, 31, 33, 64] {
            let bytes = SecretBytes([UInt8](repeating: 1, count: count))
            #expect(DiscoveryKey(bytes) == nil)
            #expect(EndpointKey(bytes) == nil)
        }
    }

    /// Who has the key of one endpoint recognises no other one of the account.
    @Test func eachEndpointHasAKeyOfItsOwn() throws {
        let (first, second) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        let account = try key(1)
        #expect(account.endpoint(first) == account.endpoint(first))
        #expect(account.endpoint(first) != account.endpoint(second))
        #expect(try account.endpoint(first) != key(2).endpoint(first))
        #expect(account.endpoint(first).secret != account.secret)
    }

    @Test func digestTellsKeysApartAndIsNoTag() throws {
        let (first, second) = (try key(1).endpoint([1]), try key(1).endpoint([2]))
        #expect(first.digest.count == 32)
        #expect(first.digest != second.digest)
        #expect(Array(first.digest.prefix(16)) != first.tag(for: []))
    }
}
