import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

@Suite struct PrekeyTests {
    private let bob: Person
    private let mallory: Person

    init() throws {
        bob = try Person(100)
        mallory = try Person(200)
    }

    @Test func aSignedPrekeyIsReadBack() throws {
        let prekey = bob.signedPrekey
        #expect(prekey.encoded.count == 105)
        #expect(prekey.encoded[0] == 0x08)
        #expect(Array(prekey.encoded[1..<9]) == [0, 0, 0, 3, 0, 0, 0, 1])
        #expect(Array(prekey.encoded[9..<41]) == bob.signed.publicKey.bytes)
        #expect(try SignedPrekey(prekey.encoded, of: bob.party.device) == prekey)
    }

    @Test func aOneTimePrekeyIsReadBack() throws {
        let prekey = bob.oneTimePrekey
        #expect(prekey.encoded.count == 41)
        #expect(prekey.encoded[0] == 0x09)
        #expect(try OneTimePrekey(prekey.encoded) == prekey)
    }

    @Test(arguments: [(false, UInt8(0x0a)), (true, 0x0b)])
    func aKEMPrekeyIsReadBack(isLastResort: Bool, type: UInt8) throws {
        let prekey = bob.kemPrekey(lastResort: isLastResort)
        #expect(prekey.encoded.count == 1257)
        #expect(prekey.encoded[0] == type)
        let read = try KEMPrekey(prekey.encoded, of: bob.party.device)
        #expect(read == prekey)
        #expect(read.isLastResort == isLastResort)
    }

    @Test func everyByteOfASignedPrekeyIsSigned() {
        let encoded = bob.signedPrekey.encoded
        for index in encoded.indices {
            let error = refusal { try SignedPrekey(encoded.flipping(index), of: bob.party.device) }
            // Only the type byte is looked at before the signature.
            #expect(error == (index == 0 ? .malformed("a prekey") : .notAuthentic("a prekey")), "byte \(index)")
        }
    }

    @Test(arguments: [false, true])
    func everyByteOfAKEMPrekeyIsSigned(isLastResort: Bool) {
        let encoded = bob.kemPrekey(lastResort: isLastResort).encoded
        for index in encoded.indices {
            let error = refusal { try KEMPrekey(encoded.flipping(index), of: bob.party.device) }
            // Flipping the lowest bit of the type makes one kind into the other.
            #expect(error == .notAuthentic("a prekey"), "byte \(index)")
        }
        #expect(refusal { try KEMPrekey(encoded.flipping(0, 0x80), of: bob.party.device) } == .malformed("a prekey"))
    }

    @Test func prekeysOfAnyOtherLengthAreRefused() {
        let device = bob.party.device
        let signed = bob.signedPrekey.encoded
        for length in 0..<signed.count {
            #expect(refusal { try SignedPrekey(Array(signed[..<length]), of: device) } == .malformed("a prekey"))
        }
        #expect(refusal { try SignedPrekey(signed + [0], of: device) } == .malformed("a prekey"))
        let oneTime = bob.oneTimePrekey.encoded
        for length in 0..<oneTime.count {
            #expect(refusal { try OneTimePrekey(Array(oneTime[..<length])) } == .malformed("a one-time prekey"))
        }
        #expect(refusal { try OneTimePrekey(oneTime + [0]) } == .malformed("a one-time prekey"))
        let kem = bob.kemPrekey(lastResort: false).encoded
        for length in [0, 1, 8, 9, 1192, 1193, 1256] {
            #expect(refusal { try KEMPrekey(Array(kem[..<length]), of: device) } == .malformed("a prekey"))
        }
        #expect(refusal { try KEMPrekey(kem + [0], of: device) } == .malformed("a prekey"))
    }

    @Test func noKindOfPrekeyPassesForAnother() {
        let device = bob.party.device
        let encodings: [(KeyType, [UInt8])] = [
            (.signedPrekey, bob.signedPrekey.encoded), (.oneTimePrekey, bob.oneTimePrekey.encoded),
            (.kemPrekey, bob.kemPrekey(lastResort: false).encoded),
            (.kemLastResort, bob.kemPrekey(lastResort: true).encoded),
        ]
        for (type, encoded) in encodings {
            let isKEM = type == .kemPrekey || type == .kemLastResort
            #expect((refusal { try SignedPrekey(encoded, of: device) } == nil) == (type == .signedPrekey))
            #expect((refusal { try OneTimePrekey(encoded) } == nil) == (type == .oneTimePrekey))
            #expect((refusal { try KEMPrekey(encoded, of: device) } == nil) == isKEM)
        }
        // All key types but its own, in front of a one-time prekey, which nobody signs.
        for type in KeyType.allCases where type != .oneTimePrekey {
            let renamed = [type.rawValue] + bob.oneTimePrekey.encoded.dropFirst()
            #expect(refusal { try OneTimePrekey(renamed) } == .malformed("a one-time prekey"))
        }
    }

    @Test func prekeysOfAnotherDeviceAreRefused() {
        let device = bob.party.device
        #expect(refusal { try SignedPrekey(mallory.signedPrekey.encoded, of: device) } == .notAuthentic("a prekey"))
        #expect(
            refusal { try KEMPrekey(mallory.kemPrekey(lastResort: false).encoded, of: device) }
                == .notAuthentic("a prekey"))
    }

    @Test func aSignatureOfOneKindDoesNotServeAnother() {
        // The signature of a KEM prekey over a signed prekey's bytes: the domains differ.
        let signed = Array(bob.signedPrekey.encoded.dropLast(64))
        let forged = signed + bob.keys.signing.sign(signed, domain: KEMPrekey.domain)
        #expect(refusal { try SignedPrekey(forged, of: bob.party.device) } == .notAuthentic("a prekey"))
        let kem = Array(bob.kemPrekey(lastResort: true).encoded.dropLast(64))
        let forgedKEM = kem + bob.keys.signing.sign(kem, domain: SignedPrekey.domain)
        #expect(refusal { try KEMPrekey(forgedKEM, of: bob.party.device) } == .notAuthentic("a prekey"))
    }

    @Test func aMalformedKEMKeyIsRefusedEvenWhenItIsSigned() {
        // A coefficient of 0xfff is not below ML-KEM's modulus of 3,329 (FIPS 203, section 7.2).
        let body = [KeyType.kemPrekey.rawValue] + Person.kemID.encoded + [UInt8](repeating: 0xff, count: 1184)
        let encoded = body + bob.keys.signing.sign(body, domain: KEMPrekey.domain)
        #expect(refusal { try KEMPrekey(encoded, of: bob.party.device) } == .malformed("a KEM prekey"))
    }

    // MARK: - Bundles

    @Test(arguments: [false, true], [false, true])
    func aBundleIsTakenApart(lastResort: Bool, oneTime: Bool) throws {
        let bundle = try bob.bundle(lastResort: lastResort, oneTime: oneTime)
        #expect(bundle.device == bob.party.device)
        #expect(bundle.signed == bob.signedPrekey)
        #expect(bundle.kem == bob.kemPrekey(lastResort: lastResort))
        #expect(bundle.oneTime == (oneTime ? bob.oneTimePrekey : nil))
    }

    @Test(arguments: [false, true])
    func aNodeCannotPassOneKindOfKEMKeyOffAsTheOther(isLastResort: Bool) {
        let kem = bob.kemPrekey(lastResort: isLastResort).encoded
        func bundle(_ kem: [UInt8], says: Bool) throws -> PrekeyBundle {
            try PrekeyBundle(
                device: bob.party.device, signed: bob.signedPrekey.encoded, kem: kem, isLastResort: says, oneTime: nil)
        }
        #expect(refusal { try bundle(kem, says: isLastResort) } == nil)
        #expect(refusal { try bundle(kem, says: !isLastResort) } == .wrongPrekeyType)
        // With the type byte changed to match what the node says.
        let other: KeyType = isLastResort ? .kemPrekey : .kemLastResort
        let renamed = [other.rawValue] + kem.dropFirst()
        #expect(refusal { try bundle(renamed, says: !isLastResort) } == .notAuthentic("a prekey"))
    }

    @Test func aBundleWithAPartOfAnotherDeviceIsRefused() {
        let parts = [
            (mallory.signedPrekey.encoded, bob.kemPrekey(lastResort: false).encoded),
            (bob.signedPrekey.encoded, mallory.kemPrekey(lastResort: false).encoded),
        ]
        for (signed, kem) in parts {
            let error = refusal {
                try PrekeyBundle(
                    device: bob.party.device, signed: signed, kem: kem, isLastResort: false, oneTime: nil)
            }
            #expect(error == .notAuthentic("a prekey"))
        }
    }

    @Test func anEmptyOneTimePrekeyIsNotNone() {
        let error = refusal {
            try PrekeyBundle(
                device: bob.party.device, signed: bob.signedPrekey.encoded,
                kem: bob.kemPrekey(lastResort: false).encoded, isLastResort: false, oneTime: [])
        }
        #expect(error == .malformed("a one-time prekey"))
    }

    @Test func idsAreNamedForPeople() {
        #expect(PrekeyID(epoch: 7, number: 42).description == "7.42")
        #expect(PrekeyID(epoch: .max, number: .max).encoded == [UInt8](repeating: 0xff, count: 8))
    }
}
