import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// A node with its owner, whose first device is connected.
struct Home: Sendable {
    let service: NodeService
    let owner: TestOwner
    let node: NodeEntry
    let genesis: RosterEntry
    let device: ClientConnection

    /// Claims the node. With a chain, it must list the node; else it is one entry that lists this node.
    init(
        _ service: NodeService, owner: TestOwner = TestOwner(), chain: ((NodeEntry) throws -> [RosterEntry])? = nil,
        recovery: WireGrant? = nil
    ) async throws {
        self.service = service
        self.owner = owner
        let invite = try #require(service.announcement.claim)
        node = invite.node
        let entries = try chain?(invite.node) ?? owner.roster(invite.node).entries
        genesis = try #require(entries.first)
        let request = try claim(owner, invite.node, chain: entries, recovery: recovery)
        let keys = InviteKeys(secret: invite.secret)
        let address = service.announcement.addresses[0]
        let oneTime = try await SpeemNodeTests.connect(
            address, node: node.noise, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
        let response = try await oneTime.request(request)
        guard case .claimed = response.kind else { throw TransportError.violation("\(response)") }
        await oneTime.close()
        device = try await SpeemNodeTests.connect(
            address, node: node.noise, key: owner.key, preSharedKey: owner.preSharedKey)
    }

    var state: NodeState { service.requests.state }
    var address: String { service.announcement.addresses[0] }

    func connect(_ key: X25519.PrivateKey, _ preSharedKey: SecretBytes) async throws -> ClientConnection {
        try await SpeemNodeTests.connect(address, node: node.noise, key: key, preSharedKey: preSharedKey)
    }

    /// Whether the node answers the key.
    func knows(_ key: X25519.PrivateKey, _ preSharedKey: SecretBytes) async throws -> Bool {
        do {
            try await connect(key, preSharedKey).close()
            return true
        } catch TransportError.refused {
            return false
        }
    }

    /// Registers an invite.
    func invite(_ kind: WireInviteRegister.Kind, by asker: ClientConnection? = nil) async throws -> InviteKeys {
        let keys = InviteKeys(secret: random.secret(16))
        let answer = try await (asker ?? device).request(register(keys, kind: kind))
        #expect(answer.inviteRegistered == WireInviteRegistered(), "\(answer)")
        return keys
    }

    /// Over an invite's one-time key.
    func holder(_ keys: InviteKeys) async throws -> ClientConnection {
        try await connect(keys.initiatorKey, keys.preSharedKey)
    }

    func accept(_ keys: InviteKeys) async throws -> Guest {
        let key = X25519.PrivateKey(random: random)
        let oneTime = try await holder(keys)
        let answer = try await oneTime.request(redeem(key, nil))
        #expect(answer.redeemed == WireRedeemed(), "\(answer)")
        await oneTime.close()
        return Guest(invite: keys, key: key, connection: try await connect(key, keys.grantPreSharedKey))
    }

    func contact() async throws -> Guest { try await accept(try await invite(.contact)) }

    func revoke(_ key: X25519.PublicKey, by asker: ClientConnection? = nil) async throws -> WireResponse {
        try await (asker ?? device).request(.with { $0.grantRevoke = .with { $0.initiatorKey = Data(key.bytes) } })
    }

    func append(
        _ entries: [RosterEntry], grants: [WireGrant] = [], by asker: ClientConnection? = nil
    ) async throws -> WireResponse {
        try await (asker ?? device).request(
            .with {
                $0.rosterAppend = .with {
                    $0.entries = entries.map { Data($0.encoded) }
                    $0.grants = grants
                }
            })
    }

    func status() async throws -> WireNodeState {
        try await device.request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState
    }

    /// All grants, page by page, and what was withdrawn.
    func grants() async throws -> (grants: [WireGrant], revoked: [Data]) {
        var all: (grants: [WireGrant], revoked: [Data]) = ([], [])
        while true {
            let after = all.grants.last?.initiatorKey ?? Data()
            let page = try await device.request(.with { $0.grantList = .with { $0.after = after } }).grantPage
            all.grants += page.grants
            all.revoked += page.revoked
            guard page.more else { return all }
            #expect(page.grants.count == Limits.grants)
        }
    }

    func put(_ grants: [WireGrant], revoked: [Data] = []) async throws -> WireResponse {
        try await device.request(
            .with {
                $0.grantPut = .with {
                    $0.grants = grants
                    $0.revoked = revoked
                }
            })
    }
}

/// A contact's device, connected.
struct Guest: Sendable {
    let invite: InviteKeys
    let key: X25519.PrivateKey
    let connection: ClientConnection

    var preSharedKey: SecretBytes { invite.grantPreSharedKey }
}

/// A further device of an owner, and the key that it has for the owner's nodes.
struct TestDevice: Sendable {
    let keys = DeviceKeys(random: random)
    let key = X25519.PrivateKey(random: random)
    let preSharedKey = random.secret(32)

    var id: Data { Data(keys.entry.id.bytes) }

    var grant: WireGrant {
        .with {
            $0.kind = .ownDevice
            $0.initiatorKey = Data(key.publicKey.bytes)
            $0.preSharedKey = Data(preSharedKey.exposedCopy())
            $0.device = id
        }
    }
}

func contactGrant(
    _ key: X25519.PrivateKey = X25519.PrivateKey(random: random), kind: WireGrant.Kind = .contact,
    party: Data = Data(random.bytes(16)), origin: Data = Data(random.bytes(32))
) -> WireGrant {
    .with {
        $0.kind = kind
        $0.initiatorKey = Data(key.publicKey.bytes)
        $0.preSharedKey = Data(random.bytes(32))
        $0.party = party
        $0.origin = origin
    }
}
