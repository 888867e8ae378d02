import SpeemIdentity
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// Several devices of one person over real nodes.
struct ManyDevicesTests {
    /// A contact from before, whose device is asleep all the while: the new device has the history, and a way in of its own.
    @Test func aDeviceThatIsLinkedLater() async throws {
        try await TestPair.with { pair in
            for number in 1...20 { #expect(try await pair.alice.send("bob", "a\(number)") == "stored") }
            _ = try await pair.bob.inbox()
            for number in 1...20 { _ = try await pair.bob.send("alice", "b\(number)") }
            #expect(try await pair.alice.inbox().count == 20)
            let before = try await pair.alice.texts()
            let phone = try await pair.alice.linked("phone")
            try await TestDevice.sync([phone, pair.alice], rounds: 4)
            #expect(try await phone.texts() == before)
            let history = try await phone.call("devices")["history"]?.arrayValue?.first
            #expect(history?["here"] == .integer(40) && history?["total"] == .integer(40))
            #expect(history?["complete"] == .bool(true))
            #expect(try await phone.contacts() == ["bob confirmed"])
            let hasWay = try await phone.open { device in
                try await device.state.store.read { connection in
                    try !SponsorRows.isMissing(ContactRows.find(name: "bob", in: connection).id, in: connection)
                }
            }
            #expect(hasWay)
            // Over its own key, and with the sponsor off.
            #expect(try await phone.send("bob", "from the phone") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: from the phone"])
            _ = try await pair.bob.send("alice", "to both")
            try await TestDevice.sync([pair.alice, phone])
            for device in [pair.alice, phone] {
                #expect(try await device.texts() == before + ["from the phone", "to both"])
            }
            // The contact knows which key is whose, to withdraw it one day.
            let keys = try await pair.bob.open { device in
                try await device.state.store.read { connection in
                    Set(
                        try ContactKeyRows.all(
                            of: try ContactRows.find(name: "alice", in: connection).id, in: connection
                        ).map(\.device)
                    ).count
                }
            }
            #expect(keys == 2)
        }
    }

    @Test func oneWithoutHistory() async throws {
        try await TestPair.with { pair in
            for number in 1...5 { #expect(try await pair.alice.send("bob", "a\(number)") == "stored") }
            let phone = try await pair.alice.linked("phone", history: "none")
            let tablet = try await phone.linked("tablet", history: "all")
            try await TestDevice.sync([phone, pair.alice, tablet], rounds: 4)
            #expect(try await phone.texts() == [])
            #expect(try await tablet.texts() == [])
            #expect(try await pair.alice.send("bob", "new") == "stored")
            try await TestDevice.sync([phone, tablet], rounds: 2)
            for device in [phone, tablet] {
                let texts = try await device.texts()
                #expect(texts == ["new"])
            }
        }
    }
}
