import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct ClaimProofTests {
    private let key = [UInt8](repeating: 3, count: 32)
    private let preSharedKey = SecretBytes([UInt8](repeating: 4, count: 32))
    private let recovery = ([UInt8](repeating: 5, count: 32), SecretBytes([UInt8](repeating: 6, count: 32)))

    private func proof(
        _ person: Person, node: X25519.PublicKey? = nil, head: RosterHead? = nil, device: DeviceID? = nil,
        key: [UInt8]? = nil, preSharedKey: SecretBytes? = nil, recovery: ([UInt8], SecretBytes)? = nil
    ) -> ClaimProof {
        ClaimProof(
            node: node ?? person.node.noise, head: head ?? person.roster.head, device: device ?? person.device.entry.id,
            initiatorKey: key ?? self.key, preSharedKey: preSharedKey ?? self.preSharedKey, recovery: recovery)
    }

    @Test func aDeviceSignsItsClaim() throws {
        let person = try Person()
        for recovery in [nil, recovery] {
            let proof = proof(person, recovery: recovery)
            let signature = proof.signed(by: person.device)
            #expect(signature.count == ClaimProof.length)
            #expect(proof.isSigned(signature, by: person.device.entry))
        }
    }

    @Test func anotherDeviceCannot() throws {
        let person = try Person()
        let thief = DeviceKeys(random: random)
        let proof = proof(person)
        #expect(!proof.isSigned(proof.signed(by: thief), by: person.device.entry))
        #expect(!proof.isSigned(proof.signed(by: person.device), by: thief.entry))
        for bytes in [[], [UInt8](repeating: 0, count: 63), [UInt8](repeating: 0, count: 64)] {
            #expect(!proof.isSigned(bytes, by: person.device.entry))
        }
    }

    /// A signature that somebody has heard is good for nothing else.
    @Test func everyPartIsSigned() throws {
        let person = try Person()
        let other = try Person()
        let signature = proof(person, recovery: recovery).signed(by: person.device)
        let others = [
            proof(person, node: other.node.noise, recovery: recovery),
            proof(person, head: other.roster.head, recovery: recovery),
            proof(person, device: other.device.entry.id, recovery: recovery),
            proof(person, key: [UInt8](repeating: 9, count: 32), recovery: recovery),
            proof(person, preSharedKey: SecretBytes([UInt8](repeating: 9, count: 32)), recovery: recovery),
            proof(person),
            proof(person, recovery: ([UInt8](repeating: 9, count: 32), recovery.1)),
            proof(person, recovery: (recovery.0, SecretBytes([UInt8](repeating: 9, count: 32)))),
        ]
        for (number, proof) in others.enumerated() {
            #expect(!proof.isSigned(signature, by: person.device.entry), "\(number)")
        }
        #expect(proof(person, recovery: recovery).isSigned(signature, by: person.device.entry))
    }
}
