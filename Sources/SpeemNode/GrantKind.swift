import SpeemIdentity
import SpeemStore

/// What a row of the access table may do.
enum GrantKind: Sendable, Equatable {
    /// A reader device of the owner.
    case ownDevice(DeviceID)
    /// A device of a contact: deposits, and takes what a session needs.
    case contact
    /// A contact's node: deposits, and nothing else.
    case route
    /// Who has the recovery words: fetches the roster, and appends what the account key signed.
    case recovery
    /// The one-time key of an invite.
    case invite(InviteKind)
    /// A reader device that was restored from a backup under another id: a copy that still runs is told so, and nothing else.
    /// Not carried to other nodes, and bounded by ``AccessRows/maxOldCopies``.
    case oldCopy

    /// As the store keeps it.
    var code: Int64 {
        switch self {
        case .ownDevice: Self.ownDeviceCode
        case .contact: 2
        case .route: 3
        case .recovery: 4
        case .invite(let kind): kind.rawValue
        case .oldCopy: Self.oldCopyCode
        }
    }

    static let ownDeviceCode: Int64 = 1
    private static let oldCopyCode: Int64 = 20

    /// Rows of invites, and of old copies, have a code from here on: they are this node's alone.
    static let firstInviteCode: Int64 = 10

    init(code: Int64, device: [UInt8]?) throws {
        switch code {
        case Self.ownDeviceCode:
            guard let device else { throw NodeError.inconsistentStore("a device's grant names no device") }
            self = .ownDevice(try DeviceID(device))
        case 2: self = .contact
        case 3: self = .route
        case 4: self = .recovery
        case Self.oldCopyCode: self = .oldCopy
        default:
            guard let kind = InviteKind(rawValue: code) else {
                throw NodeError.inconsistentStore("a grant is of unknown kind \(code)")
            }
            self = .invite(kind)
        }
    }

    /// Whether it is withdrawn by name. A device goes through the roster, and the recovery words are what undoes that.
    var isRevocable: Bool {
        switch self {
        case .contact, .route, .invite: true
        case .ownDevice, .recovery, .oldCopy: false
        }
    }

    /// Whether it is the owner's own.
    var isOfOwner: Bool {
        switch self {
        case .ownDevice, .recovery: true
        case .contact, .route, .invite, .oldCopy: false
        }
    }

    /// Whether it is some contact's.
    var isOfContact: Bool {
        switch self {
        case .contact, .route: true
        case .ownDevice, .recovery, .invite, .oldCopy: false
        }
    }
}

/// What an invite is for, by its code in the store.
enum InviteKind: Int64, Sendable {
    /// The first device takes an unowned node.
    case claim = 11
    /// A further device of the owner.
    case link = 12
    /// Another person.
    case contact = 13
    /// A further device of a contact, by one of the contact's.
    case sibling = 14
}

/// Why a node cannot start or go on.
public enum NodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The store opened, and what is in it does not fit together.
    case inconsistentStore(String)
    /// The store is not new, and holds no identity.
    case identityMissing
    /// The account key or the secret of [provision] is none.
    case badProvision
    /// The process may not open as many files as its connections can need.
    case tooFewFiles(needed: Int, allowed: Int)

    public var description: String {
        switch self {
        case .inconsistentStore(let words): "the node's store is inconsistent: \(words)"
        case .identityMissing:
            "the store holds no node identity, although it is not new; no new one is made in its place"
        case .badProvision:
            "the lines of [provision] in the configuration are damaged: copy the file that speem node config wrote again"
        case .tooFewFiles(let needed, let allowed):
            "the connections of [limits] can need \(needed) open files, and this process may open \(allowed): "
                + "lower 'connections', or raise the limit (ulimit -n; LimitNOFILE= of systemd)"
        }
    }
}
