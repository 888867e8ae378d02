import Foundation
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct RosterAppendTests {
    @Test func entriesAndGrantsAreOneCommit() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let (owner, nodes) = (home.owner, home.genesis.nodes)
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: [owner.device.entry, phone.keys.entry],
                nodes: nodes)
            let third = try RosterEntry.next(
                after: second, signedBy: phone.keys, devices: second.devices, nodes: nodes)
            // A grant that does not fit takes the entries with it.
            let unlisted = TestDevice()
            #expect(try await home.append([second], grants: [unlisted.grant]).refusal.code == .rosterRefused)
            #expect(try await home.append([second], grants: [contactGrant()]).refusal.code == .malformed)
            #expect(try await home.status().rosterHead == Data(home.genesis.head.bytes))

            // From the first on, with what is known; and again after a lost reply.
            for _ in 0..<2 {
                let appended = try await home.append([home.genesis, second, third], grants: [phone.grant])
                #expect(appended.rosterAppended.head == Data(third.head.bytes))
            }
            let connection = try await home.connect(phone.key, phone.preSharedKey)
            let drained = try await connection.request(.with { $0.drain = WireDrain() })
            #expect(drained.drained.nodeEpoch.count == 16)
            // A key that is there for something else.
            var other = phone.grant
            other.preSharedKey = Data(random.bytes(32))
            #expect(try await home.append([third], grants: [other]).refusal.code == .malformed)
            var foreign = phone.grant
            foreign.device = owner.id
            #expect(try await home.append([third], grants: [foreign]).refusal.code == .malformed)
            let revoked = TestDevice()
            _ = try await home.revoke(revoked.key.publicKey)
            var withdrawn = phone.grant
            withdrawn.initiatorKey = Data(revoked.key.publicKey.bytes)
            #expect(try await home.append([third], grants: [withdrawn]).refusal.code == .grantRevoked)
        }
    }

    @Test func aListedDeviceHasAMailboxBeforeItsGrantComes() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device,
                devices: [home.owner.device.entry, phone.keys.entry], nodes: home.genesis.nodes)
            _ = try await home.append([second])
            #expect(try await contact.connection.request(.with { $0.deposit = deposit(1, phone.id) }).isStored)
        }
    }

    @Test func aRemovedDeviceIsOutWithAllThatItMade() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let (owner, nodes) = (home.owner, home.genesis.nodes)
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: [owner.device.entry, phone.keys.entry],
                nodes: nodes)
            _ = try await home.append([second], grants: [phone.grant])
            let connection = try await home.connect(phone.key, phone.preSharedKey)
            _ = try await connection.request(upload(pairs: 1))
            let used = try await home.invite(.contact, by: connection)
            let friend = try await home.accept(used)
            let unused = try await home.invite(.contact, by: connection)
            let link = try await home.invite(.link, by: connection)
            let mine = try await home.invite(.contact)

            let third = try RosterEntry.next(
                after: second, signedBy: owner.device, devices: [owner.device.entry], nodes: nodes)
            _ = try await home.append([third])
            for await _ in connection.pushes {}
            #expect(try await !home.knows(phone.key, phone.preSharedKey))
            for keys in [unused, link] {
                #expect(try await !home.knows(keys.initiatorKey, keys.preSharedKey))
                #expect(try await home.device.request(register(keys)).refusal.code == .grantRevoked)
            }
            // Who became a contact through it stays one, and so do the others' invites.
            for keys in [used, mine] { #expect(try await home.knows(keys.initiatorKey, keys.preSharedKey)) }
            let answer = try await friend.connection.request(.with { $0.deposit = deposit(1, phone.id) })
            #expect(answer.outcome.refusal.code == .unknownMailbox)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = phone.id } }
            #expect(try await friend.connection.request(take).refusal.code == .noPrekeys)
            // It does not come back by any of the ways in.
            #expect(try await home.append([third], grants: [phone.grant]).refusal.code == .rosterRefused)
            _ = try await home.put([phone.grant])
            #expect(try await !home.knows(phone.key, phone.preSharedKey))
            let own = try RosterEntry.next(
                after: second, signedBy: phone.keys, devices: [phone.keys.entry], nodes: nodes)
            #expect(try await home.append([own]).refusal.code == .rosterConflict)
        }
    }

    @Test func aDeviceHasOneKey() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let owner = home.owner
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: [owner.device.entry, phone.keys.entry],
                nodes: home.genesis.nodes)
            _ = try await home.append([second], grants: [phone.grant])
            let connection = try await home.connect(phone.key, phone.preSharedKey)
            // A key of its own making under the other's name would outlive the device.
            let planted = TestDevice()
            var grant = planted.grant
            grant.device = owner.id
            #expect(try await home.append([second], grants: [grant], by: connection).refusal.code == .malformed)
            let put = try await connection.request(.with { $0.grantPut = .with { $0.grants = [grant] } })
            #expect(put.grantsPut == WireGrantsPut())
            #expect(try await !home.knows(planted.key, planted.preSharedKey))
            #expect(try await home.knows(owner.key, owner.preSharedKey))
        }
    }

    @Test func subscribedDevicesHearOfIt() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let silent = try await home.connect(home.owner.key, home.owner.preSharedKey)
            _ = try await home.device.request(.with { $0.drain = .with { $0.subscribe = true } })
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device, devices: home.genesis.devices,
                nodes: home.genesis.nodes)
            _ = try await home.append([second], by: silent)
            var pushes = home.device.pushes.makeAsyncIterator()
            #expect(await pushes.next()?.rosterChanged.head == Data(second.head.bytes))
            // Nothing new, no push; and none to the other, which would end its connection.
            _ = try await home.append([second], by: silent)
            _ = try await silent.request(.with { $0.deposit = deposit(1, home.owner.id) })
            #expect(await pushes.next()?.envelope.envelopeID == Data(repeating: 1, count: 32))
            #expect(silent.isActive)
        }
    }

    @Test func aNodeThatIsNotListedRetires() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            let owner = home.owner
            let contact = try await home.contact()
            let invite = try await home.invite(.contact)
            let mail = WireRequest.with { $0.deposit = deposit(1, owner.id) }
            #expect(try await contact.connection.request(mail).isStored)
            let moved = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: home.genesis.devices, nodes: [])
            #expect(try await home.append([moved]).rosterAppended.head == Data(moved.head.bytes))
            let status = try await ControlClient(
                path: node.folder + "/control.sock", group: .singletonMultiThreadedEventLoopGroup
            ).call("status")
            #expect(status?["retired"] == .bool(true) && status?["contacts"] == .integer(1))

            let holder = try await home.holder(invite)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            let fresh = InviteKeys(secret: random.secret(16))
            for (asker, request) in [
                (contact.connection, mail), (home.device, mail), (contact.connection, take), (holder, take),
                (holder, redeem(X25519.PrivateKey(random: random), nil)), (home.device, register(fresh)),
                (contact.connection, register(fresh, kind: .sibling)),
                (contact.connection, registerRoute(X25519.PrivateKey(random: random))),
            ] { #expect(try await asker.request(request).refusal.code == .nodeRetired) }
            // What is there is still fetched, and everybody finds the way.
            let drained = try await home.device.request(.with { $0.drain = WireDrain() }).drained
            #expect(drained.envelopes.count == 1)
            let deleted = try await home.device.request(
                .with { $0.acknowledge.sequences = drained.envelopes.map(\.sequence) })
            #expect(deleted.acknowledged.deleted == 1)
            let chain = try await contact.connection.request(.with { $0.rosterFetch = WireRosterFetch() })
            #expect(chain.rosterChain.entries.last == Data(moved.encoded))
            #expect(try await home.grants().grants.count == 2)
        }
        try await node.serve { service in
            // It stays so, until it is listed again.
            #expect(service.requests.state.isRetired)
        }
    }

    @Test func aRetiredNodeThatIsListedAgainServes() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let moved = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device, devices: home.genesis.devices, nodes: [])
            let back = try RosterEntry.next(
                after: moved, signedBy: home.owner.device, devices: home.genesis.devices, nodes: [home.node])
            _ = try await home.append([moved])
            #expect(home.state.isRetired)
            _ = try await home.append([back])
            let answer = try await contact.connection.request(.with { $0.deposit = deposit(1, home.owner.id) })
            #expect(answer.isStored)
            // Of two transactions the later one counts, whichever is heard of last.
            let (earlier, later) = (home.state.turn(), home.state.turn())
            home.state.rosterChanged(to: back, turn: later)
            home.state.rosterChanged(to: moved, turn: earlier)
            #expect(!home.state.isRetired)
        }
    }
}
