/// The handshakes that SPEEM speaks (Noise revision 34, sections 7.5 and 9.4), both with 25519, ChaChaPoly and BLAKE2b.
public enum NoisePattern: Sendable {
    /// Without a pre-shared key. Only here to be checked against published vectors.
    case ik
    /// With the pre-shared key at the end of the second message: SPEEM's.
    case ikpsk2

    /// The protocol name, 33 or 37 ASCII characters (section 8).
    public var name: String {
        switch self {
        case .ik: "Noise_IK_25519_ChaChaPoly_BLAKE2b"
        case .ikpsk2: "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b"
        }
    }

    var usesPreSharedKey: Bool {
        switch self {
        case .ik: false
        case .ikpsk2: true
        }
    }
}
