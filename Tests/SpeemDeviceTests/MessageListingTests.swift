import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

struct MessageListingTests {
    private struct Gone: Error {}

    /// Puts messages of `bytes` bytes into the conversation with bob.
    private func fill(_ device: TestDevice, count: Int, bytes: Int, outgoing: Bool) async throws {
        try await device.open { device in
            let state = device.state
            try await state.store.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                let text = String(repeating: "x", count: bytes)
                for _ in 0..<count {
                    let body = try MessageBody(sealing: state.random.bytes(16), random: state.random)
                    try MessageRows.insert(
                        contact: contact.id, id: body.id, outgoing: outgoing, text: text, sent: 0, in: connection)
                }
            }
        }
    }

    private func numbers(_ page: JSON) -> [Int64] {
        (page["messages"]?.arrayValue ?? []).compactMap { $0["number"]?.integerValue }
    }

    @Test(arguments: [(600, 10, 3), (30, 64 * 1024, 4)])
    func receivedComeInPages(count: Int, bytes: Int, pages: Int) async throws {
        try await TestPair.with { pair in
            try await fill(pair.alice, count: count, bytes: bytes, outgoing: false)
            var seen: [Int64] = []
            var more = true
            var rounds = 0
            while more {
                let page = try await pair.alice.call("inbox", ["all": .bool(true), "after": .integer(seen.last ?? 0)])
                #expect(page.line.utf8.count < ControlLimits.lineBytes / 4)
                seen += numbers(page)
                more = page["more"] == .bool(true)
                rounds += 1
            }
            #expect(seen.count == count && seen == seen.sorted() && rounds == pages)
        }
    }

    @Test(arguments: [(600, 10, 3), (30, 64 * 1024, 4)])
    func sentComeInPages(count: Int, bytes: Int, pages: Int) async throws {
        try await TestPair.with { pair in
            try await fill(pair.alice, count: count, bytes: bytes, outgoing: true)
            var seen: [Int64] = []
            var more = true
            var rounds = 0
            while more {
                let before = seen.first.map { ["before": JSON.integer($0)] } ?? [:]
                let page = try await pair.alice.call("sent", before)
                seen = numbers(page) + seen
                more = page["more"] == .bool(true)
                rounds += 1
            }
            #expect(seen.count == count && seen == seen.sorted() && rounds == pages)
        }
    }

    /// A caller that dies between the answer and its screen has lost nothing.
    @Test func whatWasNotShownStaysUnread() async throws {
        try await TestPair.with { pair in
            for text in ["one", "two"] { #expect(try await pair.alice.send("bob", text) == "stored") }
            let page = try await pair.bob.call("inbox")
            #expect(numbers(page).count == 2)
            let again = try await pair.bob.call("inbox")
            #expect(numbers(again) == numbers(page))
            let first = try #require(numbers(page).first)
            #expect(
                numbers(try await pair.bob.call("inbox", ["read": .integer(first)])) == Array(numbers(page).dropFirst())
            )
            #expect(try await pair.bob.call("status")["unread"] == .integer(1))
        }
    }

    /// Without a daemon the command itself reads what comes; what its caller did not get stays unread.
    @Test(.timeLimit(.minutes(2))) func followingWithoutADaemon() async throws {
        try await TestPair.with { (pair: TestPair) async throws -> Void in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            await #expect(throws: (any Error).self) {
                try await pair.bob.open { device in
                    _ = try await DeviceControl(device: device, isDaemon: false).call(
                        "follow", .null, session: ControlSession { _, _ in throw Gone() })
                }
            }
            #expect(try await pair.bob.call("status")["unread"] == .integer(1))
            let (texts, text) = AsyncStream.makeStream(of: String.self)
            let following = Task {
                try await pair.bob.open { device in
                    _ = try await DeviceControl(device: device, isDaemon: false).call(
                        "follow", .null,
                        session: ControlSession { _, message in text.yield(message["text"]?.stringValue ?? "") })
                }
            }
            var iterator = texts.makeAsyncIterator()
            #expect(await iterator.next() == "one")
            #expect(try await pair.alice.send("bob", "two") == "stored")
            #expect(await iterator.next() == "two")
            following.cancel()
            _ = await following.result
            // A receipt that was still on its way goes out with the next command.
            _ = try await pair.bob.contacts()
            #expect(try await pair.alice.sent() == ["delivered one", "delivered two"])
        }
    }
}
