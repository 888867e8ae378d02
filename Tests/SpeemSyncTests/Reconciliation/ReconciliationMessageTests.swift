import Testing

@testable import SpeemSync

struct ReconciliationMessageTests {
    private func item(_ time: UInt64, _ id: UInt64) -> Bound { .item(ReconciliationItem(time: time, id: id)) }

    @Test func readsBack() throws {
        var message = ReconciliationMessage()
        message.append(item(5, 7), .fingerprint(1 << 40 - 1))
        message.append(item(5, 8), .nothing)
        message.append(item(300, 0), .nothing)
        message.append(item(.max, .max), .list([1, .max, 3]))
        message.append(.end, .list([]))
        #expect(message.parts.count == 4)
        #expect(try ReconciliationMessage(message.encoded).parts == message.parts)
        #expect(message.encoded.count <= message.size)
    }

    @Test func nothingAtTheEndIsLeftOut() {
        var message = ReconciliationMessage()
        message.append(item(1, 1), .nothing)
        message.append(.end, .nothing)
        message.dropTrailingNothing()
        #expect(message.encoded == [1])
    }

    @Test(arguments: [
        [], [2], [1, 0], [1, 0, 3], [1, 0, 1, 9, 9, 9, 9], [1, 0, 2, 1, 0], [1, 0, 2, 0x80], [1, 2, 2, 0],
        [1, 2, 0, 0, 1, 0, 0],
        // Behind the end there is nothing; two ends at one place; a time beyond the last.
        [1, 0, 0, 2, 0, 0], [1, 2, 0, 0, 1, 0, 0],
        [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0],
        [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0],
    ])
    func otherBytesAreRefused(bytes: [UInt8]) {
        #expect(throws: ReconciliationError.malformed) { _ = try ReconciliationMessage(bytes) }
    }
}
