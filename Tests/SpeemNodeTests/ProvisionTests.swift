import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct ProvisionTests {
    private let owner = TestOwner()
    private let secret = random.secret(16)
    private var keys: ProvisionKeys { ProvisionKeys(secret: secret) }

    private func lines(_ owner: TestOwner? = nil, secret: SecretBytes? = nil, expires: UInt64 = 0) -> String {
        let owner = owner ?? self.owner
        let secret = (secret ?? self.secret).exposedCopy()
        return """
            [provision]
            account = "\(Hex.encode(owner.account.publicKey.bytes))"
            secret = "\(Hex.encode(secret))"
            expires = \(expires)

            """
    }

    /// Under the file's key, or another one, as whoever has the secret.
    private func knock(
        _ service: NodeService, at node: X25519.PublicKey? = nil, secret: SecretBytes? = nil
    ) async throws -> ClientConnection {
        let keys = ProvisionKeys(secret: secret ?? self.secret)
        return try await connect(
            service.announcement.addresses[0], node: node ?? keys.node.publicKey, key: keys.invite.initiatorKey,
            preSharedKey: keys.invite.preSharedKey)
    }

    private func identify(_ connection: ClientConnection) async throws -> NodeEntry {
        let response = try await connection.request(.with { $0.nodeIdentify = WireNodeIdentify() })
        var reader = ByteReader([UInt8](response.nodeIdentity.node))
        return try NodeEntry(&reader)
    }

    private func code(_ connection: ClientConnection, _ request: WireRequest) async throws -> WireRefusal.Code {
        try await connection.request(request).refusal.code
    }

    private func provision(_ service: NodeService) async throws -> NodeProvision? {
        try await service.requests.state.store.read { try NodeProvision.find(in: $0) }
    }

    private func stage(_ service: NodeService) async throws -> ProvisionState? {
        try await service.requests.state.provisionState()
    }

    @Test func itShowsNothingAndWaitsForItsAccount() async throws {
        let node = TestNode()
        try await node.serve(lines()) { service in
            #expect(service.announcement.claim == nil)
            #expect(service.announcement.networkClaim == nil)
            #expect(service.announcement.owner == owner.account.publicKey)
            let state = service.requests.state
            #expect(state.account == nil)
            #expect(try await stage(service) == .waiting)
            // Its own key is its own.
            #expect(state.noiseKey != keys.node)
            let connection = try await knock(service)
            let entry = try await identify(connection)
            #expect(entry.noise == state.noiseKey.publicKey)
            #expect(entry.addresses == service.announcement.addresses)
            await connection.close()
        }
    }

    @Test func theOwnerTakesItAndTheKeyIsGone() async throws {
        let node = TestNode()
        try await node.serve(lines()) { service in
            let state = service.requests.state
            let under = try await knock(service)
            let entry = try await identify(under)
            // As a device does: the claim goes to the key that is the node's own.
            let connection = try await knock(service, at: entry.noise)
            #expect(try await connection.request(try claim(owner, entry)).claimed.nodeEpoch.count == 16)
            #expect(state.account == owner.account.publicKey)
            #expect(state.provision == nil)
            #expect(state.access.temporaryStaticKey == nil)
            #expect(try await provision(service) == nil)
            await under.close()
            await #expect(throws: TransportError.self) { _ = try await knock(service) }
            // A lost answer is asked for again, under the node's own key.
            let again = try await knock(service, at: entry.noise)
            #expect(try await again.request(try claim(owner, entry)).claimed.nodeEpoch.count == 16)
            #expect(
                try await code(again, try claim(owner, entry, key: X25519.PrivateKey(random: random))) == .alreadyOwned)
            await again.close()
            await connection.close()
            let permanent = try await connect(
                service.announcement.addresses[0], node: entry.noise, key: owner.key, preSharedKey: owner.preSharedKey)
            #expect(try await permanent.request(.with { $0.ping = WirePing() }).pong == WirePong())
            await permanent.close()
        }
        // The same file again changes nothing.
        try await node.serve(lines()) { service in
            #expect(service.requests.state.account == owner.account.publicKey)
            #expect(service.requests.state.provision == nil)
            await #expect(throws: TransportError.self) { _ = try await knock(service) }
        }
        // Nor does another one: an owned node stays its owner's.
        try await node.serve(lines(TestOwner(), secret: random.secret(16))) { service in
            #expect(service.requests.state.account == owner.account.publicKey)
            #expect(service.requests.state.provision == nil)
        }
    }

    /// A claim under the file's key is one, too.
    @Test func theOwnerMayStayUnderTheFilesKey() async throws {
        try await TestNode().serve(lines()) { service in
            let connection = try await knock(service)
            let entry = try await identify(connection)
            #expect(try await connection.request(try claim(owner, entry)).claimed.nodeEpoch.count == 16)
            await connection.close()
        }
    }

    // MARK: Thieves

    @Test func whoeverHasTheFileTakesNothing() async throws {
        try await TestNode().serve(lines()) { service in
            let connection = try await knock(service)
            let entry = try await identify(connection)
            // An account of their own.
            #expect(try await code(connection, try claim(TestOwner(), entry)) == .alreadyOwned)
            // The owner's chain, which lists the node, with a key of their own: signed by nobody in it.
            let thief = TestOwner()
            let chain = try owner.roster(entry).entries
            #expect(
                try await code(connection, try claim(owner, entry, chain: chain, key: thief.key, signer: thief.device))
                    == .notAllowed)
            // What was heard from the owner, with another key.
            var replayed = try claim(owner, entry)
            replayed.claim.initiatorKey = Data(thief.key.publicKey.bytes)
            #expect(try await code(connection, replayed) == .notAllowed)
            replayed = try claim(owner, entry)
            replayed.claim.preSharedKey = Data(thief.preSharedKey.exposedCopy())
            #expect(try await code(connection, replayed) == .notAllowed)
            // A chain that does not list the node.
            let other = try NodeEntry(noise: keys.node.publicKey, addresses: ["x:1"])
            #expect(try await code(connection, try claim(owner, other)) == .rosterRefused)
            // And nothing else is to be had.
            for request in [
                WireRequest.with { $0.rosterFetch = WireRosterFetch() }, .with { $0.nodeStatus = WireNodeStatus() },
                .with { $0.drain = WireDrain() },
            ] { #expect(try await code(connection, request) == .notAllowed) }
            #expect(service.requests.state.account == nil)
            // The owner still gets it.
            #expect(try await connection.request(try claim(owner, entry)).claimed.nodeEpoch.count == 16)
            await connection.close()
        }
    }

    @Test func strangersHearNothing() async throws {
        try await TestNode().serve(lines()) { service in
            await #expect(throws: TransportError.self) { _ = try await knock(service, secret: random.secret(16)) }
            let own = service.requests.state.noiseKey.publicKey
            await #expect(throws: TransportError.self) {
                _ = try await knock(service, at: own, secret: random.secret(16))
            }
        }
    }

    // MARK: Files that change

    @Test func withoutTheLinesItWaitsAllTheSame() async throws {
        let node = TestNode()
        try await node.serve(lines()) { _ in }
        try await node.serve { service in
            #expect(service.announcement.claim == nil)
            #expect(service.requests.state.provision?.account == owner.account.publicKey)
            try await knock(service).close()
        }
    }

    /// The service was started before the file was there, and has shown an invite.
    @Test func aNodeThatNobodyOwnsFollowsTheFile() async throws {
        let node = TestNode()
        let shown = Shown()
        try await node.run { await shown.set($0.claim) }
        let invite = try #require(await shown.invite)
        try await node.serve(lines()) { service in
            #expect(service.announcement.claim == nil)
            let old = InviteKeys(secret: invite.secret)
            await #expect(throws: TransportError.self) {
                _ = try await connect(
                    service.announcement.addresses[0], node: invite.node.noise, key: old.initiatorKey,
                    preSharedKey: old.preSharedKey)
            }
            try await knock(service).close()
        }
    }

    @Test func aNewerFileTakesThePlaceOfAnUnusedOne() async throws {
        let node = TestNode()
        try await node.serve(lines()) { _ in }
        let second = random.secret(16)
        try await node.serve(lines(secret: second)) { service in
            await #expect(throws: TransportError.self) { _ = try await knock(service) }
            let connection = try await knock(service, secret: second)
            let entry = try await identify(connection)
            #expect(try await connection.request(try claim(owner, entry)).claimed.nodeEpoch.count == 16)
            await connection.close()
        }
    }

    // MARK: Time

    @Test func itEndsWhenTheNodeHasRunForSoLong() async throws {
        let node = TestNode()
        try await node.serve(lines()) { service in
            let connection = try await knock(service)
            let entry = try await identify(connection)
            node.clock.advance(Provision.lifetime - 1)
            #expect(try await stage(service) == .waiting)
            node.clock.advance(2)
            #expect(try await stage(service) == .expired)
            #expect(try await code(connection, try claim(owner, entry)) == .inviteExpired)
            await connection.close()
        }
        // Starting again with the same file does not begin its time anew, and opens it to nobody.
        try await node.serve(lines()) { service in
            #expect(service.announcement.claim == nil)
            let stage = try await stage(service)
            #expect(stage == .expired)
        }
        // Another file does.
        try await node.serve(lines(secret: random.secret(16))) { service in
            let stage = try await stage(service)
            #expect(stage == .waiting)
        }
    }

    @Test func itEndsByTheCalendar() async throws {
        let node = TestNode()
        // The test's clock begins at 1,700,000,000.
        try await node.serve(lines(expires: 1_700_000_100)) { service in
            let connection = try await knock(service)
            let entry = try await identify(connection)
            #expect(try await stage(service) == .waiting)
            node.clock.advance(101)
            #expect(try await code(connection, try claim(owner, entry)) == .inviteExpired)
            #expect(try await stage(service) == .expired)
            await connection.close()
        }
    }

    /// Long after, when its row is gone.
    @Test func anExpiredFileStaysExpired() async throws {
        let node = TestNode()
        try await node.serve(lines()) { service in
            let state = service.requests.state
            node.clock.advance(Provision.lifetime + InviteRow.afterlife + 10)
            let clock = state.clock
            let removed = try await state.write { try InviteRow.clean(clock, in: $0) }
            // The upkeep may have been faster.
            state.access.apply(AccessChange(removed: removed))
            #expect(try await stage(service) == .expired)
        }
        try await node.serve(lines()) { service in
            let stage = try await stage(service)
            #expect(stage == .expired)
            await #expect(throws: TransportError.self) { _ = try await knock(service) }
        }
    }

    // MARK: Words

    @Test func theControlSocketHasNoInviteToGive() async throws {
        try await TestNode().serve(lines()) { service in
            let control = NodeControl(
                requests: service.requests, claim: { nil }, addresses: [], listening: [], spool: service.spool)
            for method in ["invite", "claim.code"] {
                let error = await #expect(throws: ControlError.self) {
                    _ = try await control.call(method, .null, session: ControlSession { _, _ in })
                }
                #expect(error?.message.contains("waits for a device") == true)
            }
            let status = try await control.call("status", .null, session: ControlSession { _, _ in })
            #expect(status["provision"] == .string("waiting"))
            #expect(status["owned"] == .bool(false))
        }
    }

    private actor Shown {
        var invite: Invite?
        func set(_ invite: Invite?) { self.invite = invite }
    }
}
