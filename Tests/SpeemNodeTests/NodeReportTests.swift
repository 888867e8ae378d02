import Foundation
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// What a node says of itself, at its control socket and to its owner's devices.
struct NodeReportTests {
    private func status(_ node: TestNode) async throws -> JSON {
        let client = ControlClient(path: node.folder + "/control.sock", group: .singletonMultiThreadedEventLoopGroup)
        return try #require(try await client.call("status"))
    }

    @Test func anUnownedNode() async throws {
        let node = TestNode()
        try await node.serve { service in
            let status = try await status(node)
            #expect(status["role"] == .string("node"))
            #expect(status["owned"] == .bool(false))
            #expect(status["locked"] == .bool(false))
            #expect(status["key"] == .string("file"))
            #expect(status["version"] == .string(SpeemVersion.text))
            #expect(status["mailboxes"] == .array([]))
            #expect(status["online"]?["devices"] == .array([]))
            #expect(status["online"]?["contacts"] == .integer(0))
            #expect(status["disk"]?["refuses"] == .bool(false))
            for name in ["used_bytes", "free_bytes", "total_bytes"] {
                #expect((status["disk"]?[name]?.integerValue ?? 0) > 0, "\(name)")
            }
            #expect(status["clock_synchronised"] == .bool(true))
            #expect(status["clock_reason"] == .string(ClockTrust.kernel.words))
        }
    }

    @Test func queuesWearAndWhoIsConnected() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            let before = try await status(node)
            let contact = try await home.contact()
            let deposited = try await contact.connection.request(
                .with {
                    $0.deposit = deposit(1, home.owner.id)
                    $0.deposit.body = Data(count: 5000)
                })
            #expect(deposited.deposited.outcomes.map(\.state) == [.stored])
            node.clock.advance(90)
            let after = try await status(node)
            let mailbox = try #require(after["mailboxes"]?.arrayValue?.first)
            #expect(mailbox["device"] == .string(Hex.encode(home.owner.device.entry.id.bytes)))
            #expect(mailbox["envelopes"] == .integer(1))
            #expect((mailbox["bytes"]?.integerValue ?? 0) > 5000)
            #expect(mailbox["oldest_age_seconds"] == .integer(90))
            #expect(mailbox["online"] == .bool(true))
            #expect(after["online"]?["devices"] == .array([.string(Hex.encode(home.owner.device.entry.id.bytes))]))
            #expect(after["online"]?["contacts"] == .integer(1))
            #expect(after["contacts"] == .integer(1))
            let wear = (after["written_bytes"]?.integerValue ?? 0) - (before["written_bytes"]?.integerValue ?? 0)
            #expect(wear >= 5000 && wear < 1 << 20)
            await contact.connection.close()
            try await until("the contact is away") { try await status(node)["online"]?["contacts"] == .integer(0) }
        }
    }

    @Test func anOwnDeviceIsToldTheSame() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            let (wire, control) = (try await home.status(), try await status(node))
            #expect(wire.devicesOnline == [home.owner.id])
            #expect(wire.contactsOnline == 0)
            #expect(wire.keySource == "file")
            #expect(wire.clockReason == ClockTrust.kernel.words && !wire.clockUnsynchronised)
            #expect(wire.diskTotalBytes > wire.diskFreeBytes && wire.diskFreeBytes > 0 && !wire.diskRefuses)
            #expect(control["disk"]?["total_bytes"] == .integer(Int64(clamping: wire.diskTotalBytes)))
            #expect(wire.writtenBytes > 0)
            #expect(control["written_bytes"]?.integerValue ?? 0 >= Int64(clamping: wire.writtenBytes))
        }
    }

    @Test func eachTrustHasItsWords() {
        let words = [ClockTrust.kernel, .timesyncd, .never].map(\.words)
        #expect(Set(words).count == 3)
        #expect(ClockTrust.kernel.isTrusted && ClockTrust.timesyncd.isTrusted && !ClockTrust.never.isTrusted)
        #expect((SystemClock().wall() != nil) == SystemClock().trust().isTrusted)
    }
}
