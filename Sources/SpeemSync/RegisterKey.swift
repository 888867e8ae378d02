public import SpeemCrypto
public import SpeemIdentity

/// What a register is about. Encoded as a kind byte and the kind's own bytes.
public enum RegisterKey: Sendable, Hashable {
    /// What the person calls a device of the account. Names of devices go to own devices only.
    case deviceName(DeviceID)
    /// What the person calls a contact.
    case contactName(AccountPublicKey)
    /// 1 when the safety number was compared, else 0.
    case contactVerified(AccountPublicKey)
    /// 1 when the person has removed the contact, else 0.
    case contactRemoved(AccountPublicKey)
    /// 1 when the person wants to hear nothing of the contact, else 0.
    case contactBlocked(AccountPublicKey)
    /// What the person calls a node of the account, by its Noise key. For own devices only.
    case nodeName(X25519.PublicKey)
    /// A setting of the account, by its name: lower-case ASCII letters, digits and "_".
    case setting(String)

    /// Bytes of a setting's name at the most.
    public static let maxSettingBytes = 32

    private enum Kind: UInt8 {
        case deviceName = 1
        case contactName = 2
        case contactVerified = 3
        case contactRemoved = 4
        case setting = 5
        case contactBlocked = 6
        case nodeName = 7
    }

    public var encoded: [UInt8] {
        switch self {
        case .deviceName(let device): [Kind.deviceName.rawValue] + device.bytes
        case .contactName(let account): [Kind.contactName.rawValue] + account.bytes
        case .contactVerified(let account): [Kind.contactVerified.rawValue] + account.bytes
        case .contactRemoved(let account): [Kind.contactRemoved.rawValue] + account.bytes
        case .contactBlocked(let account): [Kind.contactBlocked.rawValue] + account.bytes
        case .nodeName(let node): [Kind.nodeName.rawValue] + node.bytes
        case .setting(let name): [Kind.setting.rawValue] + Array(name.utf8)
        }
    }

    /// - Returns: nil for anything that ``encoded`` does not write.
    public init?(_ encoded: [UInt8]) {
        guard let first = encoded.first, let kind = Kind(rawValue: first) else { return nil }
        let rest = Array(encoded.dropFirst())
        switch kind {
        case .deviceName:
            guard let device = try? DeviceID(rest) else { return nil }
            self = .deviceName(device)
        case .contactName, .contactVerified, .contactRemoved, .contactBlocked:
            guard let account = try? AccountPublicKey(rest) else { return nil }
            switch kind {
            case .contactName: self = .contactName(account)
            case .contactVerified: self = .contactVerified(account)
            case .contactBlocked: self = .contactBlocked(account)
            default: self = .contactRemoved(account)
            }
        case .nodeName:
            guard let node = try? X25519.PublicKey(rest) else { return nil }
            self = .nodeName(node)
        case .setting:
            guard (1...Self.maxSettingBytes).contains(rest.count), rest.allSatisfy(Self.isSettingByte) else {
                return nil
            }
            self = .setting(String(decoding: rest, as: UTF8.self))
        }
    }

    private static func isSettingByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
