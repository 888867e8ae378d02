import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

struct SessionRenewalTests {
    /// More messages are lost than a session can skip: the conversation goes on in a new one.
    @Test func moreMessagesAreLostThanCanBeSkipped() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "before") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: before"])
            try await pair.alice.open { device in
                let outgoing = OutgoingMail(state: device.state)
                try await device.state.store.write { connection in
                    let contact = try ContactRows.find(name: "bob", in: connection)
                    for number in 0...SessionLimits.skippedPerStep {
                        _ = try outgoing.queueText("lost \(number)", to: contact, now: 0, in: connection)
                    }
                    try connection.execute("DELETE FROM outgoing")
                }
            }
            for number in 1...3 { #expect(try await pair.alice.send("bob", "unreadable \(number)") == "stored") }
            #expect(try await pair.bob.inbox() == [])
            #expect(try await pair.bob.call("status")["rejected"] == .integer(3))
            // Bob's device has begun anew, by itself.
            _ = try await pair.alice.contacts()
            #expect(try await pair.alice.send("bob", "after") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: after"])
            #expect(try await pair.bob.send("alice", "back") == "stored")
            #expect(try await pair.alice.inbox() == ["bob: back"])
            #expect(try await pair.bob.open { try await $0.waitingContacts() } == [])
        }
    }
}
