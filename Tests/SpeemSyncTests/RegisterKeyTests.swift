import SpeemCrypto
import Testing

@testable import SpeemSync

struct RegisterKeyTests {
    @Test func everyKindReadsBack() throws {
        let keys: [RegisterKey] = [
            .deviceName(try Sample.device(3)), .contactName(try Sample.account(4)),
            .contactVerified(try Sample.account(4)), .contactRemoved(try Sample.account(4)),
            .contactBlocked(try Sample.account(4)), .setting("read_receipts"),
            .nodeName(try X25519.PublicKey([UInt8](repeating: 5, count: 32))),
        ]
        for key in keys { #expect(RegisterKey(key.encoded) == key) }
        #expect(Set(keys.map(\.encoded)).count == keys.count)
    }

    @Test(arguments: [
        [], [0], [1], [1, 2, 3], [8] + [UInt8](repeating: 1, count: 32), [2] + [UInt8](repeating: 1, count: 31),
        [1] + [UInt8](repeating: 1, count: 17), [5], [5] + Array("Upper".utf8), [5] + Array("with space".utf8),
        [5] + [UInt8](repeating: 0x61, count: 33), [5, 0xff, 0xfe], [7] + [UInt8](repeating: 1, count: 31),
        [7] + [UInt8](repeating: 1, count: 33),
    ])
    func otherBytesAreRefused(bytes: [UInt8]) { #expect(RegisterKey(bytes) == nil) }
}
