import SpeemConfig
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct ReloadTests {
    private func config(_ node: TestNode, _ lines: String) throws -> Config {
        let text = "role = \"node\"\ndata = \"\(node.folder)\"\n" + lines
        return try Config.parse(Array(text.utf8), file: node.folder + ".toml", home: nil)
    }

    @Test func aRunningNodeTakesOtherQuotas() async throws {
        let node = TestNode()
        let small = "[mailbox]\nquota = \"10MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\"\nmax_age = \"1h\"\n"
        try await node.serve { service in
            let home = try await Home(service)
            #expect(home.state.mailboxes.quota.total == 1_000_000_000)
            try await service.reload(try config(node, small))
            #expect(home.state.mailboxes.quota.total == 10_000_000)
            #expect(home.state.mailboxes.quota.own == 1_000_000)
            #expect(home.state.mailboxes.maxAge == 3600)
            #expect(home.state.outbox.quota.total == 10_000_000)
            // The owner is told the same.
            let status = try await home.device.request(.with { $0.nodeStatus = WireNodeStatus() })
            #expect(status.nodeState.quotaBytes == 10_000_000)
            await home.device.close()
        }
    }

    @Test func otherLimitsAreForNewConnections() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            try await service.reload(try config(node, "[limits]\nconnections = 1\nhandshake_timeout = \"60s\"\n"))
            // The one that is open stays, and is all there is room for.
            let address = service.announcement.addresses[0]
            await #expect(throws: TransportError.self) {
                _ = try await connect(
                    address, node: home.node.noise, key: home.owner.key, preSharedKey: home.owner.preSharedKey)
            }
            #expect(try await home.device.request(.with { $0.ping = WirePing() }).pong == WirePong())
            try await service.reload(try config(node, "[limits]\nconnections = 8\nhandshake_timeout = \"60s\"\n"))
            let second = try await connect(
                address, node: home.node.noise, key: home.owner.key, preSharedKey: home.owner.preSharedKey)
            #expect(try await second.request(.with { $0.ping = WirePing() }).pong == WirePong())
            await second.close()
            await home.device.close()
        }
    }

    /// More connections than the process may have files: nothing is taken.
    @Test func whatTheProcessMayNotIsRefused() async throws {
        let node = TestNode()
        try await node.serve { service in
            let before = service.requests.state.mailboxes.quota
            let lines = "[mailbox]\nquota = \"10MB\"\nquota_own = \"1MB\"\n[limits]\nconnections = 65536\n"
            do {
                try await service.reload(try config(node, lines))
                // This process may have so many.
                #expect(service.requests.state.mailboxes.quota.total == 10_000_000)
            } catch is NodeError {
                #expect(service.requests.state.mailboxes.quota.total == before.total)
            }
        }
    }
}
