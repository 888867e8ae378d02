import SpeemIdentity
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// An account with more than one node, and boards that take the place of others.
struct SeveralNodesTests {
    /// Bob takes one more node, and alice hears of it.
    private func addNode(to pair: TestPair, advertise: String? = nil) async throws -> TestNode {
        let node = try await TestNode(advertise: advertise)
        try await node.start()
        _ = try await pair.bob.accept(await node.claim?.text ?? "")
        // Grants of contacts are carried from one to the other, and alice is told.
        _ = try await pair.bob.contacts()
        _ = try await pair.bob.contacts()
        return node
    }

    private func nodesOfBob(as device: TestDevice) async throws -> [String] {
        _ = try await device.contacts()
        return try await device.open { device in
            try await device.state.store.read { connection in
                let bob = try ContactRows.find(name: "bob", in: connection)
                return try ContactRows.roster(of: bob, in: connection).nodes.flatMap(\.addresses)
            }
        }
    }

    @Test func aNodeThatWasAddedLaterServesContactsWhenTheFirstIsOff() async throws {
        try await TestPair.with { pair in
            let second = try await addNode(to: pair)
            let names = [await pair.bobNode.name, await second.name]
            try await until("alice knows both") { try await nodesOfBob(as: pair.alice) == names }
            #expect(try await pair.alice.send("bob", "one") == "stored")
            try await pair.bobNode.stop()
            // Over the own node, and when the device goes itself.
            #expect(try await pair.alice.send("bob", "two") == "stored")
            try await pair.alice.useNoRoute()
            #expect(try await pair.alice.send("bob", "three") == "stored")
            // A new session finds prekeys there.
            try await pair.alice.open { device in
                try await device.state.store.write { try $0.execute("DELETE FROM session") }
            }
            #expect(try await pair.alice.send("bob", "four") == "stored")
            try await pair.bobNode.start()
            #expect(try await Set(pair.bob.inbox()) == ["alice: one", "alice: two", "alice: three", "alice: four"])
            // Bob's own node for what he sends is either of them, each with a key of its own at alice's.
            for number in 1...4 {
                let away = number.isMultiple(of: 2) ? pair.bobNode : second
                try await away.stop()
                #expect(try await pair.bob.send("alice", "b\(number)") == "stored")
                try await away.start()
            }
            #expect(try await pair.alice.inbox() == (1...4).map { "bob: b\($0)" })
            try await second.stop()
        }
    }

    /// One of two nodes is cut off in the middle of a drain, at many places: each message comes once, and none is lost.
    @Test(arguments: [1_000, 5_000, 20_000])
    func cutOffInTheMiddleOfADrain(cut: Int) async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxied = try await TestNode()
            let proxy = try await CuttingProxy.start { await proxied.address }
            try await proxied.start()
            let claim = try #require(await proxied.claim)
            _ = try await pair.bob.accept(SpeemInvite.moved(claim, to: proxy.address))
            _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
            for _ in 0..<2 {
                _ = try await pair.bob.contacts()
                _ = try await pair.alice.contacts()
            }
            try await pair.alice.useNoRoute()
            var expected: Set<String> = []
            for number in 1...20 {
                // Half of them go to each node.
                if number == 11 { try await pair.bobNode.stop() }
                #expect(try await pair.alice.send("bob", "m\(number)") == "stored")
                expected.insert("alice: m\(number)")
            }
            try await pair.bobNode.start()
            var received: [String] = []
            for _ in 0..<3 {
                proxy.allow(cut)
                received += try await pair.bob.inbox()
            }
            proxy.allow(nil)
            received += try await pair.bob.inbox()
            #expect(Set(received) == expected && received.count == expected.count)
            #expect(try await pair.bob.inbox(all: true).count == expected.count)
            try await until("alice knows") { try await pair.alice.sent().allSatisfy { $0.hasPrefix("delivered") } }
            try await proxied.stop()
        }
    }

    /// A new board takes the place of one that is still there: what it holds is drained, and contacts follow.
    @Test func replacedWhileTheOldOneIsThere() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            let board = try await TestNode()
            try await board.start()
            let (old, new) = (await pair.bobNode.name, await board.name)
            try await pair.bob.call(
                "nodes.replace", ["node": .string(old), "invite": .string(await board.claim?.text ?? "")])
            #expect(try await pair.bob.inbox() == ["alice: one"])
            // Alice's node meets the old board, which says that it is retired.
            #expect(try await pair.alice.send("bob", "two") != "failed")
            try await until("alice has followed") { try await nodesOfBob(as: pair.alice) == [new] }
            try await until("it is stored") { try await pair.alice.sent().last?.hasPrefix("stored") == true }
            try await pair.bobNode.stop()
            #expect(try await pair.bob.inbox() == ["alice: two"])
            #expect(try await pair.alice.send("bob", "three") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: three"])
            #expect(try await pair.bob.send("alice", "back") == "stored")
            #expect(try await pair.alice.inbox() == ["bob: back"])
            // Home has moved: invites are made there.
            #expect(try SpeemInvite.parse(try await pair.bob.invite()).node.addresses == [new])
            try await board.stop()
        }
    }

    /// The only node is lost with mail in it that nobody has fetched: contacts send it again to the new board.
    @Test func lostWithMailInIt() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: one"])
            #expect(try await pair.alice.sent() == ["delivered one"])
            #expect(try await pair.alice.send("bob", "two") == "stored")
            let old = await pair.bobNode.name
            try await pair.bobNode.stop()
            #expect(try await pair.alice.send("bob", "three") == "queued")
            let board = try await TestNode()
            try await board.start()
            try await pair.bob.call(
                "nodes.replace",
                ["node": .string(old), "invite": .string(await board.claim?.text ?? ""), "lost": .bool(true)])
            let name = await board.name
            try await until("alice has followed") { try await nodesOfBob(as: pair.alice) == [name] }
            try await until("all is sent again") {
                try await pair.alice.call("status")["waiting"] == .integer(0)
            }
            try await until("all has come") { try await pair.bob.inbox(all: true).count == 3 }
            #expect(try await Set(pair.bob.inbox(all: true)) == ["alice: one", "alice: two", "alice: three"])
            try await until("alice knows") {
                _ = try await pair.bob.contacts()
                return try await pair.alice.sent().allSatisfy { $0.hasPrefix("delivered") }
            }
            try await board.stop()
        }
    }

    /// A board that belongs to somebody else, or whose invite is dead, changes nothing: the old one stays home.
    @Test func replacedByABoardThatCannotBeTaken() async throws {
        try await TestPair.with { pair in
            let taken = try await TestNode()
            try await taken.start()
            let invite = await taken.claim?.text ?? ""
            let stranger = try await TestDevice("stranger")
            _ = try await stranger.accept(invite)
            let old = await pair.bobNode.name
            for isLost in [false, true] {
                await #expect(throws: (any Error).self) {
                    try await pair.bob.call(
                        "nodes.replace",
                        ["node": .string(old), "invite": .string(invite), "lost": .bool(isLost)])
                }
                let nodes = try await pair.bob.call("nodes").arrayValue ?? []
                #expect(nodes.map { $0["home"] } == [.bool(true)])
                #expect(nodes.first?["addresses"] == .array([.string(old)]))
                #expect(try await pair.alice.send("bob", "still here") == "stored")
                #expect(try await pair.bob.inbox() == ["alice: still here"])
            }
            try await taken.stop()
        }
    }

    /// A lost node that is not home: home is asked, and nothing that another device changes meanwhile becomes a fork.
    @Test func aLostSecondNodeIsReplacedThroughHome() async throws {
        let bob = try await TestDevice("bob")
        let (home, second, board) = (try await TestNode(), try await TestNode(), try await TestNode())
        for node in [home, second] {
            try await node.start()
            _ = try await bob.accept(await node.claim?.text ?? "")
        }
        let lost = await second.name
        try await second.stop()
        try await board.start()
        let parameters: [String: JSON] = [
            "node": .string(lost), "invite": .string(await board.claim?.text ?? ""), "lost": .bool(true),
        ]
        // Without home nobody knows what others have changed.
        try await home.stop()
        await #expect(throws: (any Error).self) { try await bob.call("nodes.replace", parameters) }
        try await home.start()
        try await bob.call("nodes.replace", parameters)
        let names = [await home.name, await board.name]
        let nodes = try await bob.call("nodes").arrayValue ?? []
        #expect(
            nodes.compactMap { $0["retired"] == .bool(true) ? nil : $0["addresses"]?.arrayValue?.first?.stringValue }
                == names)
        let phone = try TestDevice(new: "phone")
        try await bob.link(phone)
        #expect(try await bob.devices() == ["bob-1", "phone"])
        for node in [home, board] { try await node.stop() }
    }

    /// Cut off after any number of bytes, at the new board or at the old one, and asked again: home has moved once.
    @Test(arguments: [50, 100, 150, 300, 600, 900, 1500], [true, false])
    func replacedWithABadLine(cut: Int, newIsBad: Bool) async throws {
        let bob = try await TestDevice("bob")
        let (home, board) = (try await TestNode(), try await TestNode())
        let (homeLine, boardLine) = (
            try await CuttingProxy.start { await home.address }, try await CuttingProxy.start { await board.address }
        )
        try await home.start()
        try await board.start()
        let (first, second) = (try #require(await home.claim), try #require(await board.claim))
        _ = try await bob.accept(SpeemInvite.moved(first, to: homeLine.address))
        let parameters: [String: JSON] = [
            "node": .string(homeLine.address),
            "invite": .string(SpeemInvite.moved(second, to: boardLine.address)),
        ]
        (newIsBad ? boardLine : homeLine).allow(cut)
        _ = try? await bob.call("nodes.replace", parameters)
        (newIsBad ? boardLine : homeLine).allow(nil)
        do {
            try await bob.call("nodes.replace", parameters)
        } catch let error as ControlError {
            #expect(error.message.contains("already"), "after \(cut) bytes: \(error)")
        }
        let nodes = try await bob.call("nodes").arrayValue ?? []
        #expect(nodes.first?["addresses"] == .array([.string(boardLine.address)]))
        #expect(nodes.map { $0["home"] } == [.bool(true), .bool(false)])
        #expect(nodes.map { $0["retired"] } == [.bool(false), .bool(true)])
        #expect(nodes.map { $0["reachable"] } == [.bool(true), .bool(true)])
        try await home.stop()
        try await board.stop()
    }

    /// The new board breaks after it was listed and before it has answered: another one takes its place.
    @Test func theNewBoardBreaksInTheMiddle() async throws {
        try await TestPair.with { pair in
            let (broken, board) = (try await TestNode(), try await TestNode())
            let line = try await CuttingProxy.start { await broken.address }
            try await broken.start()
            try await board.start()
            let old = await pair.bobNode.name
            let invite = SpeemInvite.moved(try #require(await broken.claim), to: line.address)
            // The handshake passes, the answer to the claim does not.
            line.allow(60)
            await #expect(throws: (any Error).self) {
                try await pair.bob.call("nodes.replace", ["node": .string(old), "invite": .string(invite)])
            }
            line.allow(0)
            try await broken.stop()
            try await pair.bob.call(
                "nodes.replace",
                [
                    "node": .string(line.address), "invite": .string(await board.claim?.text ?? ""),
                    "lost": .bool(true),
                ])
            let nodes = try await pair.bob.call("nodes").arrayValue ?? []
            #expect(nodes.first?["addresses"] == .array([.string(await board.name)]))
            #expect(nodes.first?["home"] == .bool(true))
            #expect(try await pair.alice.send("bob", "hello") != "failed")
            let name = await board.name
            try await until("alice has followed") { try await nodesOfBob(as: pair.alice) == [name] }
            try await until("it has come") {
                _ = try await pair.alice.sent()
                return try await pair.bob.inbox(all: true) == ["alice: hello"]
            }
            try await board.stop()
        }
    }
}
