import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

@Suite struct PQXDHTests {
    private let alice: Person
    private let bob: Person

    init() throws {
        alice = try Person(1)
        bob = try Person(2)
    }

    private func initiate(
        lastResort: Bool = false, oneTime: Bool = true
    ) throws -> (agreement: PQXDH.Agreement, initial: InitialPart) {
        try PQXDH.initiate(
            local: alice.local, peer: bob.party, bundle: bob.bundle(lastResort: lastResort, oneTime: oneTime),
            random: alice.random)
    }

    private func respond(_ initial: InitialPart, _ prekeys: ResponderPrekeys? = nil) throws -> PQXDH.Agreement {
        try PQXDH.respond(
            local: bob.local, peer: alice.party, initial: initial, prekeys: prekeys ?? bob.prekeys(for: initial))
    }

    @Test(arguments: [false, true], [false, true])
    func bothSidesAgree(lastResort: Bool, oneTime: Bool) throws {
        let (agreement, initial) = try initiate(lastResort: lastResort, oneTime: oneTime)
        #expect(initial.isLastResort == lastResort)
        #expect(initial.signedPrekey == Person.signedID)
        #expect(initial.kemPrekey == (lastResort ? Person.lastResortID : Person.kemID))
        #expect(initial.oneTimePrekey == (oneTime ? Person.oneTimeID : nil))
        let other = try respond(initial)
        #expect(other.sharedSecret == agreement.sharedSecret)
        #expect(other.sharedSecret.count == 32)
        #expect(other.associatedData == agreement.associatedData)
        #expect(other.sessionID == agreement.sessionID)
        #expect(other.sessionID.count == 16)
    }

    @Test func theAssociatedDataNamesInitiatorThenResponder() throws {
        let (agreement, _) = try initiate()
        let expected =
            text("speem/1 session") + [0] + [0x01] + alice.account.bytes + alice.party.device.encoded + [0x01]
            + bob.account.bytes + bob.party.device.encoded
        #expect(agreement.associatedData == expected)
    }

    @Test func noTwoRunsAgreeOnTheSame() throws {
        var secrets: [SecretBytes] = []
        var ids = Set<[UInt8]>()
        for run in 0..<8 {
            let (agreement, _) = try initiate(lastResort: run & 1 == 1, oneTime: run & 2 == 2)
            #expect(!secrets.contains(agreement.sharedSecret))
            secrets.append(agreement.sharedSecret)
            ids.insert(agreement.sessionID)
        }
        #expect(ids.count == 8)
    }

    @Test func eachPrivateKeyOfTheResponderCounts() throws {
        let (agreement, initial) = try initiate()
        let other = try Person(3)
        let wrong = [
            ResponderPrekeys(signed: other.signed, kem: bob.kem, oneTime: bob.oneTime),
            ResponderPrekeys(signed: bob.signed, kem: other.kem, oneTime: bob.oneTime),
            ResponderPrekeys(signed: bob.signed, kem: bob.kem, oneTime: other.oneTime),
            ResponderPrekeys(signed: bob.signed, kem: bob.lastResort, oneTime: bob.oneTime),
        ]
        for prekeys in wrong {
            let answer = try respond(initial, prekeys)
            #expect(answer.sharedSecret != agreement.sharedSecret)
            #expect(answer.sessionID != agreement.sessionID)
        }
        let asOther = try PQXDH.respond(
            local: other.local, peer: alice.party, initial: initial, prekeys: bob.prekeys(for: initial))
        #expect(asOther.sharedSecret != agreement.sharedSecret)
        #expect(asOther.sessionID != agreement.sessionID)
    }

    @Test func whoIsSaidToBeginCounts() throws {
        let (agreement, initial) = try initiate()
        let mallory = try Person(3)
        let claims = [
            SessionParty(account: mallory.account, device: alice.party.device),
            SessionParty(account: alice.account, device: mallory.party.device),
            SessionParty(
                account: alice.account,
                device: DeviceEntry(
                    signing: mallory.keys.signing.publicKey, identity: alice.keys.identity.publicKey,
                    seal: alice.keys.seal.publicKey, noise: alice.keys.noise.publicKey)),
        ]
        for claim in claims {
            let answer = try PQXDH.respond(
                local: bob.local, peer: claim, initial: initial, prekeys: bob.prekeys(for: initial))
            #expect(answer.sharedSecret != agreement.sharedSecret)
            #expect(answer.sessionID != agreement.sessionID)
        }
    }

    @Test func aOneTimePrekeyThatIsNamedButMissingIsUnknown() throws {
        let (_, initial) = try initiate()
        let without = ResponderPrekeys(signed: bob.signed, kem: bob.kem, oneTime: nil)
        #expect(refusal { try respond(initial, without) } == .unknownPrekey(Person.oneTimeID))
    }

    @Test func aOneTimePrekeyThatIsNotNamedIsNotUsed() throws {
        let (agreement, initial) = try initiate(oneTime: false)
        let more = ResponderPrekeys(signed: bob.signed, kem: bob.kem, oneTime: bob.oneTime)
        #expect(try respond(initial, more).sharedSecret == agreement.sharedSecret)
    }

    // MARK: - Weak keys

    @Test func thereAreSevenWeakKeys() { #expect(weakKeys.count == 7) }

    @Test(arguments: weakKeys)
    func weakPrekeysAreRefused(weak: X25519.PublicKey) throws {
        let signed = SignedPrekey(id: Person.signedID, key: weak, signedBy: bob.keys.signing)
        let kem = bob.kemPrekey(lastResort: false).encoded
        let weakSigned = try PrekeyBundle(
            device: bob.party.device, signed: signed.encoded, kem: kem, isLastResort: false, oneTime: nil)
        let weakOneTime = try PrekeyBundle(
            device: bob.party.device, signed: bob.signedPrekey.encoded, kem: kem, isLastResort: false,
            oneTime: OneTimePrekey(id: Person.oneTimeID, key: weak).encoded)
        for bundle in [weakSigned, weakOneTime] {
            let error = refusal {
                try PQXDH.initiate(local: alice.local, peer: bob.party, bundle: bundle, random: alice.random)
            }
            #expect(error == .malformed("a prekey of the peer"))
        }
    }

    @Test(arguments: weakKeys)
    func weakIdentityKeysAreRefused(weak: X25519.PublicKey) throws {
        func weakened(_ person: Person) -> SessionParty {
            SessionParty(
                account: person.account,
                device: DeviceEntry(
                    signing: person.keys.signing.publicKey, identity: weak, seal: person.keys.seal.publicKey,
                    noise: person.keys.noise.publicKey))
        }
        let peer = weakened(bob)
        let bundle = try PrekeyBundle(
            device: peer.device, signed: bob.signedPrekey.encoded, kem: bob.kemPrekey(lastResort: false).encoded,
            isLastResort: false, oneTime: nil)
        let error = refusal {
            try PQXDH.initiate(local: alice.local, peer: peer, bundle: bundle, random: alice.random)
        }
        #expect(error == .malformed("a prekey of the peer"))

        let (_, initial) = try initiate()
        let answer = refusal {
            try PQXDH.respond(
                local: bob.local, peer: weakened(alice), initial: initial, prekeys: bob.prekeys(for: initial))
        }
        #expect(answer == .malformed("the initial part of a message"))
    }

    @Test(arguments: weakKeys)
    func aWeakBaseKeyIsRefused(weak: X25519.PublicKey) throws {
        let (_, initial) = try initiate()
        let weakened = InitialPart(
            baseKey: weak, signedPrekey: initial.signedPrekey, kemPrekey: initial.kemPrekey,
            isLastResort: initial.isLastResort, oneTimePrekey: initial.oneTimePrekey, ciphertext: initial.ciphertext)
        #expect(refusal { try respond(weakened) } == .malformed("the initial part of a message"))
    }

    // MARK: - Tampering

    @Test(arguments: [false, true])
    func everyByteOfTheInitialPartCounts(oneTime: Bool) throws {
        let (agreement, initial) = try initiate(oneTime: oneTime)
        var agreed = 0
        for index in initial.encoded.indices {
            var reader = ByteReader(initial.encoded.flipping(index))
            guard let tampered = try? InitialPart(&reader), reader.remaining == 0 else { continue }
            // The keys that were meant, whatever ids are named now: only the derivation can tell.
            let keys = ResponderPrekeys(signed: bob.signed, kem: bob.kem, oneTime: bob.oneTime)
            let answer = try respond(tampered, keys)
            #expect(answer.sharedSecret != agreement.sharedSecret, "byte \(index)")
            #expect(answer.sessionID != agreement.sessionID, "byte \(index)")
            agreed += 1
        }
        // All but two bytes can be flipped without breaking the encoding: the base key's type and the flag of the
        // one-time prekey.
        #expect(agreed == initial.encoded.count - 2)
    }

    @Test func aForgedCiphertextOfTheRightLengthIsRejectedImplicitly() throws {
        let (_, initial) = try initiate()
        let zeros = InitialPart(
            baseKey: initial.baseKey, signedPrekey: initial.signedPrekey, kemPrekey: initial.kemPrekey,
            isLastResort: false, oneTimePrekey: initial.oneTimePrekey,
            ciphertext: [UInt8](repeating: 0, count: MLKEM.ciphertextLength))
        let first = try respond(zeros)
        // The same forgery gives the same secret, which nobody else has.
        #expect(try respond(zeros).sharedSecret == first.sharedSecret)
    }
}

@Suite struct InitialPartTests {
    private func part(isLastResort: Bool, oneTime: PrekeyID?) throws -> InitialPart {
        var generator = SeededGenerator(5)
        return InitialPart(
            baseKey: try X25519.PublicKey(generator.bytes(32)), signedPrekey: PrekeyID(epoch: 1, number: 2),
            kemPrekey: PrekeyID(epoch: 3, number: .max), isLastResort: isLastResort, oneTimePrekey: oneTime,
            ciphertext: generator.bytes(1088))
    }

    @Test(arguments: [false, true], [nil, PrekeyID(epoch: 9, number: 10)])
    func isReadBack(isLastResort: Bool, oneTime: PrekeyID?) throws {
        let part = try part(isLastResort: isLastResort, oneTime: oneTime)
        #expect(part.encoded.count == (oneTime == nil ? 1139 : 1147))
        var reader = ByteReader(part.encoded + [1, 2, 3])
        #expect(try InitialPart(&reader) == part)
        #expect(reader.readRest() == [1, 2, 3])
    }

    @Test func isRefusedWhenItEndsEarly() throws {
        let encoded = try part(isLastResort: false, oneTime: PrekeyID(epoch: 9, number: 10)).encoded
        for length in 0..<encoded.count {
            var reader = ByteReader(Array(encoded[..<length]))
            #expect(refusal { try InitialPart(&reader) } == .malformed("the initial part of a message"))
        }
    }

    @Test func onlyTheTypesAndFlagsThatExistAreRead() throws {
        let encoded = try part(isLastResort: false, oneTime: PrekeyID(epoch: 9, number: 10)).encoded
        for byte in UInt8.min...UInt8.max {
            for (place, allowed) in [(0, [0x0d]), (41, [0x0a, 0x0b]), (50, [0, 1])] as [(Int, [UInt8])] {
                var reader = ByteReader(encoded.replacing(from: place, with: [byte]))
                let error = refusal { try InitialPart(&reader) }
                #expect((error == nil) == allowed.contains(byte), "byte \(byte) at \(place)")
            }
        }
    }
}
