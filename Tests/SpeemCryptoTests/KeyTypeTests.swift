import SpeemCrypto
import Testing

@Suite struct KeyTypeTests {
    /// The bytes on the wire: a changed one would make old rosters unreadable.
    @Test func everyTypeKeepsItsByte() {
        let wire: [KeyType: UInt8] = [
            .accountSigning: 1, .deviceSigning: 2, .deviceIdentity: 3, .deviceSeal: 4, .deviceNoise: 5, .nodeNoise: 6,
            .initiator: 7, .signedPrekey: 8, .oneTimePrekey: 9, .kemPrekey: 10, .kemLastResort: 11, .ratchet: 12,
            .base: 13,
        ]
        #expect(wire.count == KeyType.allCases.count)
        for type in KeyType.allCases { #expect(type.rawValue == wire[type]) }
    }

    @Test func noTwoTypesShareAByteAndNoneIsZero() {
        let bytes = KeyType.allCases.map(\.rawValue)
        #expect(Set(bytes).count == bytes.count)
        #expect(!bytes.contains(0))
    }

    @Test func anUnknownByteIsNoType() {
        let known = Set(KeyType.allCases.map(\.rawValue))
        for byte in UInt8.min...UInt8.max {
            #expect((KeyType(rawValue: byte) != nil) == known.contains(byte))
        }
    }
}

@Suite struct DomainSeparatorTests {
    @Test func isTheProtocolTheLabelAndAZero() {
        #expect(DomainSeparator("roster entry").bytes == text("speem/1 roster entry") + [0])
        #expect(DomainSeparator("a").bytes == text("speem/1 a") + [0])
    }

    @Test func noSeparatorIsTheBeginningOfAnother() {
        let separators = [
            DomainSeparator("roster"), DomainSeparator("roster entry"), DomainSeparator("roster entry 2"),
            DomainSeparator("r"), DomainSeparator("entry"), DomainSeparator("roster "), DomainSeparator(" roster"),
        ]
        for (index, separator) in separators.enumerated() {
            for (other, another) in separators.enumerated() where other != index {
                #expect(!another.bytes.starts(with: separator.bytes), "\(index) and \(other)")
                #expect(separator != another)
            }
        }
    }

    @Test func equalLabelsAreEqualSeparators() {
        #expect(DomainSeparator("roster") == DomainSeparator("roster"))
        #expect(Set([DomainSeparator("roster"), DomainSeparator("roster")]).count == 1)
    }

    @Test func aLabelThatIsNotPrintableASCIIIsOurMistake() async {
        await #expect(processExitsWith: .failure) { _ = DomainSeparator("") }
        await #expect(processExitsWith: .failure) { _ = DomainSeparator("roster\0entry") }
        await #expect(processExitsWith: .failure) { _ = DomainSeparator("rôle") }
    }
}
