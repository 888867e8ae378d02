import SpeemCrypto
import Testing
import TestTools

@testable import SpeemIdentity

/// Thousands of inputs as an attacker could send them: garbage, and changes of what is valid. Each is refused with an
/// error of ours, or means exactly what its bytes say; none traps.
struct HostileInputTests {
    private static let rounds = 2_000

    /// Garbage and changed forms of `valid`, by turns.
    private func inputs(_ seed: UInt64, _ valid: [[UInt8]], limit: Int = 1_000) -> [[UInt8]] {
        var generator = SeededGenerator(seed: seed)
        return (0..<Self.rounds).map { round in
            if round % 4 == 0 { return Mutations.garbage(upTo: limit, using: &generator) }
            return Mutations.mutate(valid.randomElement(using: &generator) ?? [], using: &generator)
        }
    }

    /// The MAC as docs/PROTOCOL.md says: whoever holds an invite can make it over anything.
    private func mac(_ body: [UInt8], _ key: SecretBytes, inviter: Person, newcomer: Person) -> [UInt8] {
        BLAKE2b.hash(
            DomainSeparator("contact request").bytes, inviter.account.publicKey.bytes,
            newcomer.account.publicKey.bytes, newcomer.device.entry.id.bytes, body, key: key)
    }

    @Test func contactRequests() throws {
        var alice = try Person()
        let bob = try Person()
        try alice.roster.append(try alice.next(nodes: alice.roster.nodes + [try node(["second.example:1"])]))
        let key = random.secret(32)
        let valid = try ["alice", "", String(repeating: "ü", count: 32)].map { name in
            try ContactRequest(
                roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: random.secret(16), name: name
            ).encode(requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
        }
        func open(_ bytes: [UInt8]) throws(IdentityError) -> ContactRequest {
            try ContactRequest.open(
                bytes, requestKeys: [random.secret(32), key], inviter: bob.account.publicKey,
                newcomer: alice.account.publicKey, device: alice.device.entry.id
            ).request
        }
        // Without the key nothing but the originals is opened.
        for input in inputs(1, valid) where !valid.contains(input) {
            do throws(IdentityError) {
                _ = try open(input)
                Issue.record("a forged request was opened")
            } catch {
                #expect(error == .notAuthentic("a contact request") || error == .malformed("a contact request"))
            }
        }
        // With it the decoder is reached.
        let bodies = valid.map { Array($0.dropLast(32)) }
        var opened = 0
        for input in inputs(2, bodies) {
            let bytes = input + mac(input, key, inviter: bob, newcomer: alice)
            guard let request = try? open(bytes) else { continue }
            #expect(
                try request.encode(requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
                    == bytes)
            #expect(request.roster == alice.roster || alice.roster.contains(request.roster.head))
            opened += 1
        }
        // Another head, secret or name is the newcomer's to say.
        #expect(opened > 20)
        #expect(throws: IdentityError.malformed("a contact request")) {
            _ = try open([UInt8](repeating: 0, count: ContactRequest.maxLength + 1))
        }
    }

    @Test func contactRequestsThatPromiseTooMuch() throws {
        let (alice, bob) = (try Person(), try Person())
        let key = random.secret(32)
        let valid = try ContactRequest(
            roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: random.secret(16), name: "alice"
        ).encode(requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
        let body = Array(valid.dropLast(32))
        func refusal(_ changed: [UInt8]) -> IdentityError? {
            do throws(IdentityError) {
                _ = try ContactRequest.open(
                    changed + mac(changed, key, inviter: bob, newcomer: alice), requestKeys: [key],
                    inviter: bob.account.publicKey, newcomer: alice.account.publicKey,
                    device: alice.device.entry.id)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(body) == nil)
        for count in [0, 2, 64, 65, .max] as [UInt16] {
            #expect(refusal([1] + BigEndian.bytes(count) + body.dropFirst(3)) != nil, "\(count) entries")
        }
        for length in [0, 1, 4_096, .max] as [UInt16] {
            #expect(refusal(body[..<3] + BigEndian.bytes(length) + body.dropFirst(5)) != nil, "\(length) bytes")
        }
        for version in [0, 2, 255] as [UInt8] {
            #expect(refusal([version] + body.dropFirst()) == .unknownVersion("a contact request", version))
        }
        for length in body.indices { #expect(refusal(Array(body[..<length])) != nil, "\(length) bytes") }
        let withoutName = body.dropLast(7)
        for name in [[0xff], [0xc3], [0xed, 0xa0, 0x80], [UInt8](repeating: 0x61, count: 65)] as [[UInt8]] {
            #expect(refusal(withoutName + BigEndian.bytes(UInt16(name.count)) + name) != nil, "\(name)")
        }
        #expect(refusal(body + [0]) != nil)
    }

    @Test func contactAcceptances() throws {
        let bob = try Person()
        let valid = ["bob", "", String(repeating: "ü", count: 32)].map {
            ContactAccept(head: bob.roster.head, name: $0).encoded
        }
        var read = 0
        for input in inputs(3, valid, limit: 200) {
            do throws(IdentityError) {
                #expect(try ContactAccept(input).encoded == input)
                read += 1
            } catch {
                switch error {
                case .malformed, .unknownVersion: break
                default: Issue.record("\(error)")
                }
            }
        }
        #expect(read > 100)
    }

    /// The checksum is no secret: anybody can make it over anything.
    @Test func invites() throws {
        let person = try Person()
        let inviter = Invite.Inviter(
            account: person.account.publicKey, head: person.roster.head, device: person.roster.devices[0].id)
        func body(_ purpose: Invite.Purpose) throws -> [UInt8] {
            let invite = Invite(
                purpose: purpose, expires: 1_800_000_000,
                node: try node(["node.example:4404", "192.0.2.1:4404", "[2001:db8::1]:4404"]),
                secret: random.secret(16))
            return Array(try #require(Base32.decode(invite.text.dropFirst(6))).dropLast(4))
        }
        func text(_ body: [UInt8]) -> String {
            let checksum = BLAKE2b.hash(domain: DomainSeparator("invite checksum"), body, length: 16)[..<4]
            return "speem:" + Base32.encode(body + checksum).lowercased()
        }
        var read = 0
        for input in inputs(5, [try body(.claim), try body(.link(inviter)), try body(.contact(inviter))], limit: 400) {
            let text = text(input)
            guard let invite = try? Invite(text: text) else { continue }
            #expect(invite.text == text)
            read += 1
        }
        #expect(read > 100)
        // As text, without a right checksum.
        for input in inputs(6, [Array(text(try body(.contact(inviter))).utf8)]) {
            _ = try? Invite(text: String(decoding: input, as: UTF8.self))
        }
    }

    @Test func rosterEntries() throws {
        let alice = try Person()
        let valid = [
            alice.roster.newest.encoded, try alice.next().encoded,
            try alice.next(devices: alice.roster.devices + [DeviceKeys(random: random).entry]).encoded,
        ]
        var read = 0
        for input in inputs(4, valid) {
            guard let entry = try? RosterEntry(input) else { continue }
            #expect(entry.encoded == input)
            read += 1
            if valid.contains(input) { continue }
            // None of them is signed.
            #expect(throws: IdentityError.self) { _ = try Roster(genesis: entry) }
            var roster = alice.roster
            #expect(throws: IdentityError.self) { try roster.append(entry) }
            #expect(roster == alice.roster)
        }
        #expect(read > 100)
    }
}
