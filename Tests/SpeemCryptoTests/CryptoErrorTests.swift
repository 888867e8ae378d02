import SpeemCrypto
import Testing

@Suite struct CryptoErrorTests {
    static let all: [CryptoError] = [
        .wrongLength(of: "an X25519 public key", expected: 32, actual: 31), .authenticationFailed, .weakPublicKey,
        .malformedKEMInput, .malformedPadding,
    ]

    @Test(arguments: all) func readsLikeTheMiddleOfASentence(error: CryptoError) {
        let description = error.description
        #expect(!description.isEmpty && !description.hasSuffix(".") && !description.contains("\n"))
        #expect(description.first?.isUppercase == false)
        #expect("\(error)" == description)
    }

    @Test func aWrongLengthTellsBothLengths() {
        #expect(Self.all[0].description == "an X25519 public key has 31 bytes instead of 32")
    }

    @Test func noTwoErrorsReadAlike() {
        #expect(Set(Self.all.map(\.description)).count == Self.all.count)
        for (index, error) in Self.all.enumerated() {
            for (other, another) in Self.all.enumerated() { #expect((error == another) == (index == other)) }
        }
        #expect(
            CryptoError.wrongLength(of: "a key", expected: 32, actual: 31)
                != .wrongLength(of: "a key", expected: 32, actual: 33))
    }
}
