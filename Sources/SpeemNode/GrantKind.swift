import SpeemIdentity
import SpeemStore

/// What a row of the access table may do.
enum GrantKind: Sendable, Equatable {
    /// A reader device of the owner.
    case ownDevice(DeviceID)
    /// A device of a contact: deposits, and takes what a session needs.
    case contact
    /// The one-time key of an invite.
    case invite(Invite.Kind)

    /// As the store keeps it.
    var code: Int64 {
        switch self {
        case .ownDevice: 1
        case .contact: 2
        case .invite(let kind): 10 + Int64(kind.rawValue)
        }
    }

    init(code: Int64, device: [UInt8]?) throws {
        switch code {
        case 1:
            guard let device else { throw NodeError.inconsistentStore("a device's grant names no device") }
            self = .ownDevice(try DeviceID(device))
        case 2: self = .contact
        case 11...13:
            guard let kind = Invite.Kind(rawValue: UInt8(code - 10)) else { fallthrough }
            self = .invite(kind)
        default: throw NodeError.inconsistentStore("a grant is of unknown kind \(code)")
        }
    }
}

/// Why a node cannot start or go on.
public enum NodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The store opened, and what is in it does not fit together.
    case inconsistentStore(String)
    /// The store is not new, and holds no identity.
    case identityMissing
    /// The process may not open as many files as its connections can need.
    case tooFewFiles(needed: Int, allowed: Int)

    public var description: String {
        switch self {
        case .inconsistentStore(let words): "the node's store is inconsistent: \(words)"
        case .identityMissing:
            "the store holds no node identity, although it is not new; no new one is made in its place"
        case .tooFewFiles(let needed, let allowed):
            "the connections of [limits] can need \(needed) open files, and this process may open \(allowed): "
                + "lower 'connections', or raise the limit (ulimit -n; LimitNOFILE= of systemd)"
        }
    }
}
