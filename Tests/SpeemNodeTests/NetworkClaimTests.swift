import Logging
import NIOCore
import NIOPosix
import SpeemCPace
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemNode

/// Keeps what is logged.
private final class LineRecorder: Sendable {
    private let state = Mutex<[String]>([])

    var lines: [String] { state.withLock { $0 } }

    /// The code in the newest line that names one.
    var code: String? {
        lines.compactMap { $0.firstMatch(of: /code is now ([0-9]{4} [0-9]{4})/).map { String($0.output.1) } }.last
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

    private struct Handler: LogHandler {
        let recorder: LineRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { recorder.state.withLock { $0.append("\(event.message)") } }
    }
}

struct NetworkClaimTests {
    private func fetch(_ address: String, _ code: String?) async throws -> Invite {
        let payload = try await ClaimClient(
            group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(60), patience: .zero
        ).fetch(from: address, code: try ClaimCode(text: code ?? ""))
        return try Invite(text: payload.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }

    /// Until nobody listens at the port any more; it takes no code on the way.
    private func waitUntilClosed(_ address: String, _ code: String?) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            do {
                _ = try await fetch(address, code)
                Issue.record("the code was taken")
            } catch ClaimFailure.notOpen {
                return
            } catch is ClaimFailure {
                await Task.yield()
            }
        }
        Issue.record("the port stays open")
    }

    /// Takes the node with an invite.
    private func take(
        _ announcement: NodeService.Announcement, with invite: Invite, _ owner: TestOwner
    ) async throws {
        let keys = InviteKeys(secret: invite.secret)
        let connection = try await connect(
            announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
            preSharedKey: keys.preSharedKey)
        let response = try await connection.request(try claim(owner, invite.node))
        #expect(response.claimed.nodeEpoch.count == 16)
        await connection.close()
    }

    private func wrong(_ code: String?) -> String { code == "0000 0000" ? "0000 0001" : "0000 0000" }

    private func control(_ node: TestNode) -> ControlClient {
        ControlClient(path: node.folder + "/control.sock", group: MultiThreadedEventLoopGroup.singleton)
    }

    @Test func theCodeGetsTheInviteAndTheClaimClosesThePort() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let offer = try #require(announcement.networkClaim)
            let invite = try await fetch(offer.addresses[0], offer.code)
            #expect(invite == announcement.claim)
            try await take(announcement, with: invite, TestOwner())
            // Its answer came after the port had closed.
            await #expect(throws: ClaimFailure.notOpen(address: offer.addresses[0])) {
                try await fetch(offer.addresses[0], offer.code)
            }
            let error = await #expect(throws: ControlError.self) { try await control(node).call("claim.code") }
            #expect(error?.message == "the node is owned")
        }
        // An owned node opens none.
        try await node.run { announcement in #expect(announcement.networkClaim == nil) }
    }

    @Test func aClaimWithTheInviteClosesThePortToo() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let offer = try #require(announcement.networkClaim)
            try await own(announcement, TestOwner()).close()
            await #expect(throws: ClaimFailure.notOpen(address: offer.addresses[0])) {
                try await fetch(offer.addresses[0], offer.code)
            }
        }
    }

    @Test func eachMissMakesANewCodeAndTheThirdClosesThePort() async throws {
        let node = TestNode()
        let log = LineRecorder()
        try await node.serve(logger: log.logger) { service in
            let offer = try #require(service.announcement.networkClaim)
            let address = offer.addresses[0]
            var code: String? = offer.code
            for miss in 1...3 {
                await #expect(throws: ClaimFailure.wrongCode(address: address)) {
                    try await fetch(address, wrong(code))
                }
                if miss < 3 {
                    #expect(log.code != code)
                    code = log.code
                }
            }
            #expect(log.lines.last?.contains("3 wrong codes") == true)
            // The port closes right after that; until then it takes no code.
            try await waitUntilClosed(address, code)
            // The console opens it anew.
            let answer = try #require(try await control(node).call("claim.code"))
            let reopened = try #require(answer["addresses"]?.arrayValue?.first?.stringValue)
            let invite = try await fetch(reopened, answer["code"]?.stringValue)
            try await take(service.announcement, with: invite, TestOwner())
        }
    }

    @Test func aCodeOfTheLogIsGood() async throws {
        let node = TestNode()
        let log = LineRecorder()
        try await node.serve(logger: log.logger) { service in
            let offer = try #require(service.announcement.networkClaim)
            let address = offer.addresses[0]
            for _ in 0..<2 {
                await #expect(throws: ClaimFailure.wrongCode(address: address)) {
                    try await fetch(address, wrong(log.code ?? offer.code))
                }
            }
            _ = try await fetch(address, log.code)
            // A lost answer: the next code is in the log as well, and misses are forgiven.
            for _ in 0..<2 {
                await #expect(throws: ClaimFailure.wrongCode(address: address)) {
                    try await fetch(address, wrong(log.code))
                }
            }
            #expect(try await fetch(address, log.code) == service.announcement.claim)
        }
    }

    @Test func theConsolesCodeReplacesTheOneBefore() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let offer = try #require(announcement.networkClaim)
            let answer = try #require(try await control(node).call("claim.code"))
            #expect(answer["code"]?.stringValue != offer.code)
            // The port stays where it is.
            #expect(answer["addresses"] == .array(offer.addresses.map { .string($0) }))
            await #expect(throws: ClaimFailure.wrongCode(address: offer.addresses[0])) {
                try await fetch(offer.addresses[0], offer.code)
            }
        }
    }

    @Test func aNewerInviteIsTheOneThatIsHandedOver() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let offer = try #require(announcement.networkClaim)
            let shown = try #require(try await control(node).call("invite")?["invite"]?.stringValue)
            let invite = try await fetch(offer.addresses[0], offer.code)
            #expect(invite.text == shown)
            #expect(invite != announcement.claim)
            try await take(announcement, with: invite, TestOwner())
        }
    }

    @Test func thePortClosesWithTheInvite() async throws {
        let node = TestNode()
        try await node.run("[claim]\nlifetime = \"10m\"\n") { announcement in
            let offer = try #require(announcement.networkClaim)
            node.clock.advance(601)
            // At once no code is taken, and soon nobody listens.
            try await waitUntilClosed(offer.addresses[0], offer.code)
            // The console begins the time anew.
            let answer = try #require(try await control(node).call("claim.code"))
            let address = try #require(answer["addresses"]?.arrayValue?.first?.stringValue)
            let invite = try await fetch(address, answer["code"]?.stringValue)
            try await take(announcement, with: invite, TestOwner())
        }
    }

    @Test func aNewerInviteProlongsTheTime() async throws {
        let node = TestNode()
        try await node.run("[claim]\nlifetime = \"10m\"\n") { announcement in
            let offer = try #require(announcement.networkClaim)
            node.clock.advance(500)
            _ = try await control(node).call("invite")
            node.clock.advance(500)
            let invite = try await fetch(offer.addresses[0], offer.code)
            try await take(announcement, with: invite, TestOwner())
        }
    }

    @Test func theConfigurationMayWantNone() async throws {
        let node = TestNode()
        try await node.run("[claim]\nnetwork = false\n") { announcement in
            #expect(announcement.claim != nil)
            #expect(announcement.networkClaim == nil)
            let error = await #expect(throws: ControlError.self) { try await control(node).call("claim.code") }
            #expect(error?.hint?.contains("network = true") == true)
        }
    }

    /// The invite can still be used.
    @Test func aPortInUseKeepsNoNodeFromStarting() async throws {
        let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let node = TestNode()
        let log = LineRecorder()
        try await node.serve("[claim]\nport = \(port)\n", logger: log.logger) { service in
            #expect(service.announcement.networkClaim == nil)
            #expect(log.lines.contains { $0.contains("only with its invite") && $0.contains("\(port)") })
            let error = await #expect(throws: ControlError.self) { try await control(node).call("claim.code") }
            #expect(error?.message.contains("cannot listen") == true)
            // The port is free again: the console can have it.
            try await other.close()
            let answer = try #require(try await control(node).call("claim.code"))
            #expect(answer["addresses"] == .array([.string("127.0.0.1:\(port)")]))
            let invite = try await fetch("127.0.0.1:\(port)", answer["code"]?.stringValue)
            try await take(service.announcement, with: invite, TestOwner())
        }
    }

    /// Whoever hangs up after the node's share has guessed, too.
    @Test func hangingUpIsAMiss() async throws {
        let node = TestNode()
        let log = LineRecorder()
        try await node.serve(logger: log.logger) { service in
            let offer = try #require(service.announcement.networkClaim)
            let state = service.requests.networkClaim
            let networkClaim = try #require(state)
            let attempt = try await networkClaim.begin()
            #expect(attempt.code.text == offer.code)
            await #expect(throws: ClaimWindow.Refusal.busy) { _ = try await networkClaim.begin() }
            #expect(await networkClaim.end(attempt, confirmed: false) == nil)
            #expect(log.code != nil && log.code != offer.code)
        }
    }

    /// An attempt that ends after the node has got an owner, or after the console has made a new code, gets nothing.
    @Test func aLateConfirmationGetsNothing() async throws {
        let node = TestNode()
        try await node.serve { service in
            let networkClaim = try #require(service.requests.networkClaim)
            let first = try await networkClaim.begin()
            _ = try await control(node).call("claim.code")
            #expect(await networkClaim.end(first, confirmed: true) == nil)
            let second = try await networkClaim.begin()
            let shown = try #require(try await control(node).call("invite")?["invite"]?.stringValue)
            try await take(service.announcement, with: try Invite(text: shown), TestOwner())
            #expect(await networkClaim.end(second, confirmed: true) == nil)
            await #expect(throws: ClaimWindow.Refusal.closed) { _ = try await networkClaim.begin() }
        }
    }

    /// The longest invite fits into what can be handed over.
    @Test func everyInviteFits() throws {
        #expect(Invite.maxTextLength <= ClaimMessage.payloadLimit)
        let longest = try NodeEntry(
            noise: X25519.PrivateKey(random: random).publicKey,
            addresses: [String](
                repeating: String(repeating: "a", count: NodeEntry.maxAddressBytes), count: NodeEntry.maxAddresses))
        let invite = Invite(purpose: .claim, expires: .max, node: longest, secret: random.secret(16))
        #expect(invite.text.utf8.count <= ClaimMessage.payloadLimit)
        #expect(try Invite(text: invite.text) == invite)
    }
}
