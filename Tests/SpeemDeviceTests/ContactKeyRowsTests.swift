import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import Testing

@testable import SpeemDevice

/// What let a contact's device in is withdrawn when the contact's account does not list it any more.
struct ContactKeyRowsTests {
    private static func key() -> X25519.PublicKey { X25519.PrivateKey(random: SystemRandomSource()).publicKey }

    /// Alice, who has met bob's first device; his second one comes with `added` and goes with `removed`.
    private struct Known: Sendable {
        let alice: Mesh.Member
        let contact: Int64
        let phone: DeviceID
        let added: Roster
        let removed: Roster
        /// The recovery words have signed it in again.
        let again: Roster

        func write<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
            try await alice.write(body)
        }

        func take(_ roster: Roster) async throws {
            try await write { connection in
                let bob = try #require(try ContactRows.find(contact, in: connection))
                let before = try ContactRows.roster(of: bob, in: connection)
                try ContactRoster(state: alice.state).take(roster, of: bob, before: before, now: 1, in: connection)
            }
        }

        func insert(_ key: X25519.PublicKey, of device: DeviceID? = nil) async throws {
            try await write { connection in
                try ContactKeyRows.insert([.init(device ?? phone, key)], of: contact, in: connection)
            }
        }

        func isRevoked(_ key: X25519.PublicKey) async throws -> Bool {
            try await write { try NodeGrantRows.isRevoked(key.bytes, in: $0) }
        }
    }

    private func withBob(_ body: (Known, Mesh) async throws -> Void) async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1").devices[0]
            let bob = try await mesh.account("laptop", "phone", listed: 1)
            try await mesh.meet(alice, bob, name: "bob", tells: false)
            let laptop = bob.devices[0].state.local.keys
            var added = try await bob.devices[0].state.roster()
            let nodes = added.nodes
            try added.append(
                RosterEntry.next(
                    after: added.newest, signedBy: laptop,
                    devices: [laptop.entry, bob.devices[1].state.local.keys.entry], nodes: nodes))
            var removed = added
            try removed.append(
                RosterEntry.next(after: added.newest, signedBy: laptop, devices: [laptop.entry], nodes: nodes))
            var again = removed
            try again.append(
                RosterEntry.recovery(after: removed.newest, account: bob.key, devices: added.devices, nodes: nodes))
            let contact = try await alice.write { try ContactRows.find(name: "bob", in: $0).id }
            try await body(
                Known(
                    alice: alice, contact: contact, phone: bob.devices[1].id, added: added, removed: removed,
                    again: again), mesh)
        }
    }

    @Test func aDeviceThatIsRemoved() async throws {
        try await withBob { known, _ in
            let key = Self.key()
            let other = Self.key()
            try await known.take(known.added)
            try await known.insert(key)
            try await known.insert(other, of: known.removed.devices[0].id)
            #expect(try await !known.isRevoked(key))
            try await known.take(known.removed)
            #expect(try await known.isRevoked(key))
            #expect(try await !known.isRevoked(other))
        }
    }

    /// Alice was away when it was linked and removed: the chain that she takes lists it only in between.
    @Test func aDeviceThatCameAndWentMeanwhile() async throws {
        try await withBob { known, _ in
            let key = Self.key()
            // Nobody knows it yet, and it may still come.
            try await known.insert(key)
            #expect(try await !known.isRevoked(key))
            try await known.take(known.removed)
            #expect(try await known.isRevoked(key))
        }
    }

    /// Bob's words about the key lay on another node than those about the removal.
    @Test func aKeyThatComesAfterTheRemoval() async throws {
        try await withBob { known, _ in
            let key = Self.key()
            try await known.take(known.added)
            try await known.take(known.removed)
            let version = try await known.write { try NodeGrantRows.version(in: $0) }
            try await known.insert(key)
            #expect(try await known.isRevoked(key))
            // Own nodes are told.
            #expect(try await known.write { try NodeGrantRows.version(in: $0) } > version)
        }
    }

    /// A removed device was signed in again, and its new key is told before alice has the roster that says so.
    @Test func aKeyThatComesBeforeTheRoster() async throws {
        try await withBob { known, _ in
            let key = Self.key()
            try await known.take(known.added)
            try await known.take(known.removed)
            // The words about the key name the newer head.
            let head = known.again.head
            try await known.write { try ContactRows.want(head, of: known.contact, in: $0) }
            try await known.insert(key)
            #expect(try await !known.isRevoked(key))
            try await known.take(known.again)
            #expect(try await !known.isRevoked(key))
        }
    }

    /// Routes that are not known yet are withdrawn, too, but not without end.
    @Test func unknownRoutesAreBounded() async throws {
        try await withBob { known, _ in
            let first = (0..<16).map { _ in Self.key().bytes }
            try await known.write { connection in
                // The same ones count once.
                for _ in 0..<3 { try ContactKeyRows.withdraw(routes: first, of: known.contact, in: connection) }
                for _ in 0..<80 {
                    let more = (0..<16).map { _ in SystemRandomSource().bytes(32) }
                    try ContactKeyRows.withdraw(routes: more, of: known.contact, in: connection)
                }
            }
            #expect(try await known.alice.count("node_grant_revoked") == 1024)
            for key in first {
                #expect(try await known.write { try NodeGrantRows.isRevoked(key, in: $0) })
            }
        }
    }

    /// Nobody has another contact's keys withdrawn by saying that they were a device's of its own.
    @Test(arguments: [true, false])
    func anothersKey(isFirst: Bool) async throws {
        try await withBob { known, mesh in
            let carol = try await mesh.account("c1")
            try await mesh.meet(known.alice, carol, name: "carol", tells: false)
            let key = Self.key()
            let device = carol.devices[0].id
            @Sendable func carolComes() async throws {
                try await known.write { connection in
                    let carol = try ContactRows.find(name: "carol", in: connection).id
                    try ContactKeyRows.insert([.init(device, key)], of: carol, isProven: true, in: connection)
                }
            }
            try await known.take(known.added)
            if !isFirst { try await carolComes() }
            try await known.insert(key)
            if isFirst { try await carolComes() }
            try await known.take(known.removed)
            #expect(try await !known.isRevoked(key))
        }
    }
}
