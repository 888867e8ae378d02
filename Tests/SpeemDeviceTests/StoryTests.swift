import SpeemTransport
import Testing

@testable import SpeemDevice
import SpeemIdentity

/// Two people with two nodes, as commands without a daemon do it.
struct StoryTests {
    @Test func meetTalkAndSeeDelivered() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            for number in 1...5 { #expect(try await pair.alice.send("bob", "m\(number)") == "stored") }
            #expect(try await pair.bob.inbox() == (1...5).map { "alice: m\($0)" })
            #expect(try await pair.bob.inbox() == [])
            #expect(try await pair.bob.inbox(all: true).count == 5)
            #expect(try await pair.alice.sent() == (1...5).map { "delivered m\($0)" })
            // And back, many times, so that the ratchet turns.
            for number in 1...6 {
                #expect(try await pair.bob.send("alice", "b\(number)") == "stored")
                #expect(try await pair.alice.inbox() == ["bob: b\(number)"])
                #expect(try await pair.alice.send("bob", "a\(number)") == "stored")
                #expect(try await pair.bob.inbox() == ["alice: a\(number)"])
            }
            let numbers = (
                try await pair.alice.call("verify", ["contact": .string("bob")])["safety_number"],
                try await pair.bob.call("verify", ["contact": .string("alice")])["safety_number"]
            )
            #expect(numbers.0 != nil && numbers.0 == numbers.1)
        }
    }

    @Test func whatCannotBeSentWaitsAndGoesOutLater() async throws {
        try await TestPair.with { pair in
            try await pair.bobNode.stop()
            #expect(try await pair.alice.send("bob", "one") == "queued")
            #expect(try await pair.alice.send("bob", "two") == "queued")
            try await pair.bobNode.start()
            #expect(try await pair.alice.send("bob", "three") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: one", "alice: two", "alice: three"])
            #expect(try await pair.alice.sent() == ["delivered one", "delivered two", "delivered three"])
        }
    }

    @Test func anInviteWorksWhileTheInviterIsAway() async throws {
        try await TestPair.with(contacts: false) { pair in
            let invite = try await pair.bob.invite()
            #expect(try await pair.alice.accept(invite)["kind"] == .string("contact"))
            // Bob's device has not been on since; alice may already write.
            let name = try #require(try await pair.alice.contacts().first?.split(separator: " ").first.map(String.init))
            #expect(try await pair.alice.contacts() == ["\(name) requested"])
            #expect(try await pair.alice.send(name, "hello") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: hello"])
            // With bob's answer comes his name.
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
        }
    }

    @Test func namesOfStrangersDoNotPassForThoseOfContacts() async throws {
        try await TestPair.with { pair in
            let carol = try await TestDevice("alice")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(try #require(await node.claim).text)
            _ = try await carol.accept(try await pair.bob.invite())
            #expect(try await pair.bob.contacts() == ["alice confirmed", "alice-2 confirmed"])
            try await node.stop()
        }
    }

    @Test func mistakesAreRefusedWithWords() async throws {
        try await TestPair.with { pair in
            for (method, parameters) in [
                ("send", ["contact": .string("nobody"), "text": .string("x")]),
                ("send", ["contact": .string("bob"), "text": .string("")]),
                ("send", ["contact": .string("bob"), "text": .string(String(repeating: "x", count: 65_537))]),
                ("send", ["contact": .string("bob")]), ("verify", [:]), ("accept", [:]),
                ("accept", ["invite": .string("hello")]), ("invite", ["lifetime_seconds": .integer(0)]),
                ("invite", ["lifetime_seconds": .integer(.max)]), ("nothing", [:]),
            ] as [(String, [String: JSON])] {
                let error = await #expect(throws: ControlError.self, "\(method)") {
                    _ = try await pair.alice.call(method, parameters)
                }
                #expect(error?.message.isEmpty == false)
            }
            let own = try await pair.alice.invite()
            await #expect(throws: ControlError.self) { _ = try await pair.alice.accept(own) }
            let used = try await pair.bob.invite()
            await #expect(throws: ControlError.self) { _ = try await pair.alice.accept(used) }
        }
    }
}
