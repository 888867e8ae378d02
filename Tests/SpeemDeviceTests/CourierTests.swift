import SpeemIdentity
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

struct CourierTests {
    /// Alice's words for a text of `bytes` bytes.
    private static func text(_ number: Int, _ bytes: Int) -> String {
        "\(number) " + String(repeating: "x", count: bytes)
    }

    /// Queued while bob's node is away, so that they go out together.
    private func queue(_ texts: [String], from device: TestDevice) async throws {
        try await device.open { device in
            let outgoing = OutgoingMail(state: device.state)
            try await device.state.store.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                for text in texts { _ = try outgoing.queueText(text, to: contact, now: 0, in: connection) }
            }
        }
    }

    /// After a full mailbox nothing overtakes what was refused, however small it is.
    @Test func aFullMailboxKeepsTheOrder() async throws {
        let limits = "[mailbox]\nquota = \"10MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\""
        try await TestPair.with(bobLimits: limits) { pair in
            try await pair.alice.useNoRoute()
            // Large and small ones: when a large one is refused, a small one may still fit.
            try await pair.alice.open { device in
                let bob = try await device.state.store.read { try ContactRows.find(name: "bob", in: $0) }
                let outgoing = OutgoingMail(state: device.state)
                func send(_ text: String) async throws -> Courier.Outcome {
                    _ = try await device.state.store.write {
                        try outgoing.queueText(text, to: bob, now: 0, in: $0)
                    }
                    return try await device.courier.deliver(to: bob.id)
                }
                var number = 1
                while true {
                    let outcome = try await send(Self.text(number, 60_000))
                    number += 1
                    guard outcome.isWaiting else { continue }
                    #expect(outcome.retryAfter > .zero)
                    break
                }
                let stored = number - 2
                for small in 0..<40 { #expect(try await send(Self.text(number + small, 10)).stored == 0) }
                // Of what the person has written: notices may wait, too.
                let waiting = try await device.state.store.read { connection in
                    try connection.first("SELECT count(*) FROM outgoing WHERE state < 2 AND keep_until_delivered = 1") {
                        row throws(StoreError) in try row.integer(0)
                    }
                }
                #expect(waiting == 41)
                #expect(stored > 5)
            }
            var received: [String] = []
            for _ in 0..<4 {
                received += try await pair.bob.inbox().compactMap {
                    $0.split(separator: " ").dropFirst().first.map(String.init)
                }
                _ = try await pair.alice.sent()
            }
            #expect(received == (1...received.count).map(String.init))
            #expect(try await pair.alice.call("status")["waiting"] == .integer(0))
        }
    }

    /// A message that the far node refuses for good says why; when a device has it all the same, that is what counts.
    @Test func refusedForGood() async throws {
        try await TestPair.with { pair in
            try await queue(["lost", "kept"], from: pair.alice)
            try await pair.alice.open { device in
                try await device.state.store.write { connection in
                    try connection.execute(
                        "UPDATE outgoing SET device = x'00000000000000000000000000000000' WHERE id = 1 + (SELECT min(id) - 1 FROM outgoing)"
                    )
                }
            }
            let messages = try await pair.alice.call("sent")["messages"]?.arrayValue ?? []
            #expect(messages.map { $0["state"] } == [.string("failed"), .string("stored")])
            #expect(messages[0]["failure"]?.stringValue?.isEmpty == false && messages[1]["failure"] == nil)
            try await pair.alice.open { device in
                try await device.state.store.write { connection in
                    let rest = try connection.query(
                        "SELECT length(header) + (body IS NOT NULL), message_id FROM outgoing ORDER BY id"
                    ) {
                        row throws(StoreError) in (bytes: try row.integer(0), id: try row.blob(1))
                    }
                    #expect(rest.count == 2 && rest[0].bytes == 0 && rest[1].bytes > 0)
                    let bob = try ContactRows.find(name: "bob", in: connection)
                    let device = try #require(try ContactRows.roster(of: bob, in: connection).devices.first)
                    try OutgoingRows.delivered(rest[0].id, contact: bob.id, device: device.id, in: connection)
                    try MessageRows.mark(rest[0].id, progress: .delivered, now: 0, in: connection)
                }
            }
            #expect(try await pair.alice.sent() == ["delivered lost", "stored kept"])
        }
    }
}
