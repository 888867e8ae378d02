import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct RevocationTests {
    @Test func whatCameFromAKeyGoesWithIt() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let laptop = try await home.contact()
            let spent = try await home.invite(.sibling, by: laptop.connection)
            let phone = try await home.accept(spent)
            let unspent = try await home.invite(.sibling, by: laptop.connection)
            let route = X25519.PrivateKey(random: random)
            _ = try await laptop.connection.request(registerRoute(route))
            #expect(try await home.revoke(laptop.invite.initiatorKey.publicKey).grantRevoked.existed)
            for await _ in laptop.connection.pushes {}
            for (key, preSharedKey) in [
                (laptop.key, laptop.preSharedKey), (laptop.invite.initiatorKey, laptop.invite.preSharedKey),
                (route, routePreSharedKey), (unspent.initiatorKey, unspent.preSharedKey),
            ] { #expect(try await !home.knows(key, preSharedKey)) }
            // A device of the contact in its own right.
            #expect(try await home.knows(phone.key, phone.preSharedKey))
            #expect(try await home.grants().revoked.count == 4)
            // None of the keys is taken again.
            #expect(try await phone.connection.request(registerRoute(route)).refusal.code == .grantRevoked)
            #expect(
                try await home.device.request(register(laptop.invite)).refusal.code == .grantRevoked)
            let holder = try await home.holder(try await home.invite(.contact))
            #expect(try await holder.request(redeem(laptop.key, nil)).refusal.code == .grantRevoked)
            let linking = try await home.holder(try await home.invite(.link))
            let request = redeem(laptop.key, deposit(1, home.owner.id))
            #expect(try await linking.request(request).refusal.code == .grantRevoked)
            // Once more is no error; and what is nowhere yet never comes.
            #expect(try await !home.revoke(laptop.key.publicKey).grantRevoked.existed)
            let digest = try await home.status().grantsDigest
            #expect(try await home.status().grantsDigest == digest)
            let future = X25519.PrivateKey(random: random)
            #expect(try await !home.revoke(future.publicKey).grantRevoked.existed)
            #expect(try await phone.connection.request(registerRoute(future)).refusal.code == .grantRevoked)
            #expect(try await home.status().grantsDigest != digest)
        }
    }

    @Test func devicesAndTheRecoveryWordsAreNotWithdrawn() async throws {
        try await TestNode().serve { service in
            let recovery = X25519.PrivateKey(random: random)
            let preSharedKey = random.secret(32)
            let home = try await Home(
                service,
                recovery: .with {
                    $0.kind = .recovery
                    $0.initiatorKey = Data(recovery.publicKey.bytes)
                    $0.preSharedKey = Data(preSharedKey.exposedCopy())
                })
            for key in [home.owner.key.publicKey, recovery.publicKey] {
                #expect(try await home.revoke(key).refusal.code == .notAllowed)
                #expect(try await home.put([], revoked: [Data(key.bytes)]).grantsPut == WireGrantsPut())
            }
            #expect(try await home.knows(home.owner.key, home.owner.preSharedKey))
            #expect(try await home.knows(recovery, preSharedKey))
            #expect(try await home.grants().revoked.isEmpty)
        }
    }

    @Test func theOldestAreForgotten() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            @Sendable func key(_ number: Int64) -> [UInt8] {
                BigEndian.bytes(UInt64(number)) + [UInt8](repeating: 0, count: 24)
            }
            try await home.state.write { connection in
                for number in 0...RevokedRows.maxCount { _ = try RevokedRows.revoke(key(number), in: connection) }
                #expect(try RevokedRows.keys(in: connection).count == Int(RevokedRows.maxCount))
                #expect(try !RevokedRows.contains(key(0), in: connection))
                #expect(try RevokedRows.contains(key(1), in: connection))
                #expect(try RevokedRows.newest(2, in: connection) == [key(10_000), key(9_999)])
            }
            #expect(try await home.grants().revoked.count == Limits.revokedKeys)
        }
    }

    @Test func aRequestThatWaitedMakesNothingForAWithdrawnGrant() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let entry = try #require(home.state.access.entry(for: contact.key.publicKey.bytes))
            _ = try await home.revoke(contact.key.publicKey)
            // As if it had been looked up before.
            let route = registerRoute(X25519.PrivateKey(random: random)).routeRegister
            await #expect(throws: Refused.self) { _ = try await service.requests.registerRoute(route, by: entry) }
            let sibling = register(InviteKeys(secret: random.secret(16)), kind: .sibling).inviteRegister
            await #expect(throws: Refused.self) { _ = try await service.requests.registerSibling(sibling, by: entry) }
        }
    }

    @Test func aRequestThatWaitedDoesNothingForARemovedDevice() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device,
                devices: [home.owner.device.entry, phone.keys.entry], nodes: home.genesis.nodes)
            _ = try await home.append([second], grants: [phone.grant])
            let entry = try #require(home.state.access.entry(for: phone.key.publicKey.bytes))
            let third = try RosterEntry.next(
                after: second, signedBy: home.owner.device, devices: [home.owner.device.entry],
                nodes: home.genesis.nodes)
            _ = try await home.append([third])
            let before = try await home.status()
            // As if it had been looked up before.
            let requests = service.requests
            let id = phone.keys.entry.id
            let invite = register(InviteKeys(secret: random.secret(16)), kind: .contact).inviteRegister
            await #expect(throws: Refused.self) { _ = try await requests.registerInvite(invite, for: id, by: entry) }
            let prekeys = upload(pairs: 1).prekeyUpload
            await #expect(throws: Refused.self) { _ = try await requests.uploadPrekeys(prekeys, id, by: entry) }
            let put = WireGrantPut.with { $0.grants = [contactGrant()] }
            await #expect(throws: Refused.self) { _ = try await requests.putGrants(put, by: entry) }
            let revoke = WireGrantRevoke.with { $0.initiatorKey = Data(random.bytes(32)) }
            await #expect(throws: Refused.self) { _ = try await requests.revokeGrant(revoke, by: entry) }
            let reset = WireNodeReset.with { $0.nodeEpoch = before.nodeEpoch }
            await #expect(throws: Refused.self) { _ = try await requests.resetNode(reset, by: entry) }
            let append = WireRosterAppend.with { $0.entries = [Data(third.encoded)] }
            await #expect(throws: Refused.self) { _ = try await requests.appendRoster(append, by: entry) }
            let route = Data(random.bytes(16))
            let add = WireRouteAdd.with {
                $0.route = route
                $0.initiatorSecret = Data(random.bytes(32))
                $0.preSharedKey = Data(random.bytes(32))
                $0.nodes = [
                    .with {
                        $0.nodeKey = Data(home.node.noise.bytes)
                        $0.addresses = home.node.addresses
                    }
                ]
            }
            await #expect(throws: Refused.self) { _ = try await requests.addRoute(add, by: entry) }
            let remove = WireRouteRemove.with { $0.route = route }
            await #expect(throws: Refused.self) { _ = try await requests.removeRoute(remove, by: entry) }
            _ = try await home.device.request(.with { $0.routeAdd = add })
            let mail = WireOutboxPut.with {
                $0.item = Data(random.bytes(16))
                $0.route = route
                $0.deposit = deposit(1, phone.id)
            }
            await #expect(throws: Refused.self) { _ = try await requests.putIntoOutbox(mail, id, by: entry) }
            let after = try await home.status()
            #expect(after.grantsDigest == before.grantsDigest && after.nodeEpoch == before.nodeEpoch)
            #expect(after.outboxWaiting == 0)
        }
    }
}
