import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a device shows of its own nodes.
struct NodeLookTests {
    @Test func theStatusShowsHowTheNodeIs() async throws {
        try await TestPair.with { pair in
            try await pair.alice.send("bob", "hello")
            var status = JSON.null
            try await until("the message waits") {
                status = try await pair.bob.call("status")
                return (status["nodes"]?.arrayValue?.first?["state"]?["stored_bytes"]?.integerValue ?? 0) > 0
            }
            let nodes = try #require(status["nodes"]?.arrayValue)
            #expect(nodes.count == 1)
            let listed = try await pair.bob.call("nodes").arrayValue?.first
            // Times go on.
            #expect(listed?["node_key"] == nodes.first?["node_key"])
            #expect(listed?["state"]?["disk"]?["total_bytes"] == nodes.first?["state"]?["disk"]?["total_bytes"])
            let node = try #require(nodes.first)
            #expect(node["home"] == .bool(true) && node["reachable"] == .bool(true))
            let state = try #require(node["state"])
            #expect(state["version"] == .string(SpeemVersion.text))
            #expect(state["key"] == .string("file") && state["locked"] == .bool(false))
            #expect(state["disk"]?["refuses"] == .bool(false))
            #expect((state["disk"]?["free_bytes"]?.integerValue ?? 0) > 0)
            #expect((state["written_bytes"]?.integerValue ?? 0) > 0)
            let mailbox = try #require(state["mailboxes"]?.arrayValue?.first)
            #expect(mailbox["device"] == status["device"])
            #expect(mailbox["name"]?.stringValue?.isEmpty == false)
            // What alice's first message says of her is in it, too.
            #expect((mailbox["envelopes"]?.integerValue ?? 0) >= 1)
            #expect(mailbox["online"] == .bool(true))
            #expect(state["online"]?["devices"] == .array([try #require(status["device"])]))
        }
    }

    @Test func oneThatDoesNotAnswerSaysWhy() async throws {
        try await TestPair.with(contacts: false) { pair in
            try await pair.bobNode.stop()
            let node = try #require(try await pair.bob.call("status")["nodes"]?.arrayValue?.first)
            #expect(node["reachable"] == .bool(false))
            #expect(node["state"] == nil)
            #expect(node["problem"]?.stringValue?.isEmpty == false)
            try await pair.bobNode.start()
        }
    }

    /// An older node says nothing of its disk.
    @Test func whatANodeDoesNotKnowIsNull() throws {
        let node = OwnNode(
            entry: try NodeEntry(noise: X25519.PrivateKey(random: SystemRandomSource()).publicKey, addresses: ["a:1"]),
            epoch: nil, commitNumber: 7, prekeys: 0, isRetired: true, knowsTime: true)
        let device = [UInt8](repeating: 3, count: 16)
        let json = NodeLook.state(
            .with {
                $0.clockUnsynchronised = true
                $0.storedBytes = .max
                $0.mailboxes = [.with { $0.device = Data(device) }]
            }
        ).json(of: node, name: nil, isHome: true, devices: [device: "phone"])
        #expect(json["home"] == .bool(false) && json["retired"] == .bool(true) && json["commits"] == .integer(7))
        let state = try #require(json["state"])
        for name in ["used_bytes", "free_bytes", "total_bytes"] { #expect(state["disk"]?[name] == .null) }
        #expect(state["written_bytes"] == .null && state["key"] == .null)
        #expect(state["clock_synchronised"] == .bool(false))
        #expect(state["stored_bytes"] == .integer(.max))
        #expect(state["mailboxes"]?.arrayValue?.first?["name"] == .string("phone"))
        let full = NodeLook.state(.with { $0.diskTotalBytes = 10 }).json(
            of: node, name: nil, isHome: true, devices: [:])
        #expect(full["state"]?["disk"]?["free_bytes"] == .integer(0))
        let silent = NodeLook.problem(TransportError.disconnected).json(of: node, name: nil, isHome: true, devices: [:])
        #expect(silent["state"] == nil && silent["reachable"] == .bool(false))
    }
}
