import SpeemIdentity
import SpeemStore

/// What a device cannot do, in words for a person.
public enum DeviceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `speem init` has not been run.
    case notInitialised
    /// `speem init` was run before.
    case alreadyInitialised
    /// The device has asked to be linked, or to be signed in, and is not listed yet.
    case notLinked
    /// A backup was being restored, and the device is not listed yet.
    case notRestored
    /// The device was restored from a backup elsewhere: this copy of it is the old one.
    case oldCopy
    /// The store is not new and holds no identity.
    case identityMissing
    /// There is no own node yet.
    case noNode
    /// The node is the account's already, or another claim is not settled.
    case hasNode
    case tooManyNodes
    /// No listed device has this name.
    case unknownDevice(String, known: [String])
    /// Several listed devices, or several that ask to be linked, have this name.
    case ambiguousDevice(String, ids: [String])
    /// No own node has this address or key.
    case unknownNode(String, known: [String])
    /// No file was written for a node of this name, or it was taken already.
    case unknownProvision(String)
    case nodeNameTaken(String)
    /// The contact's roster lists no node.
    case contactWithoutNode(String)
    /// No message has this id.
    case unknownMessage(String)
    case unknownContact(String, nearest: String?)
    case contactBlocked(String)
    case nameTaken(String)
    case deviceNameTaken(String)
    case badName(String)
    /// A text that is empty or too long.
    case badText(String)
    /// The invite was made by this account.
    case ownInvite
    case alreadyContact(String)
    /// An invite that this program cannot take.
    case invite(String, hint: String?)
    /// The home node has another branch of the roster than this device.
    case rosterSplit
    /// The node refused.
    case refused(String)
    /// No session with the contact's device.
    case noSession(String)
    /// An own node is there and does not know this device: `address`.
    case unknownToNode(String)
    /// An own node has started and waits for its passphrase: `address`.
    case nodeLocked(String)
    /// None of those that answer.
    case noNodeLocked
    /// Several own nodes wait for their passphrases.
    case severalNodesLocked([String])
    /// A device that asked to be linked is listed by now.
    case alreadyLinked(String)
    /// Something was asked, and no answer has come: it may have been done.
    case outcomeUnknown(String, hint: String)
    /// A row of the store holds what this program has not written.
    case damaged(String)

    public var description: String {
        switch self {
        case .notInitialised: "this device has no identity yet"
        case .alreadyInitialised: "this device has an identity already"
        case .notLinked: "this device is not linked to its account yet"
        case .notRestored: "this device is not restored yet"
        case .oldCopy: "this is an old copy: the device was restored from a backup elsewhere"
        case .identityMissing:
            "the store holds no identity, although it is not new; no new one is made in its place"
        case .noNode: "this account has no node yet"
        case .hasNode: "this node belongs to this account already, or another one is being claimed"
        case .tooManyNodes: "an account has at most \(RosterEntry.maxNodes) nodes"
        case .unknownDevice(let name, _): "there is no device \"\(name)\""
        case .ambiguousDevice(let name, _): "several devices are called \"\(name)\""
        case .unknownNode(let name, _): "there is no node \"\(name)\""
        case .unknownProvision(let name): "no node \"\(name)\" is waited for"
        case .nodeNameTaken(let name): "a node \"\(name)\" is waited for already"
        case .contactWithoutNode(let name): "\"\(name)\" has no node"
        case .unknownMessage(let id): "there is no message \"\(id)\""
        case .unknownContact(let name, _): "there is no contact \"\(name)\""
        case .contactBlocked(let name): "\"\(name)\" is blocked"
        case .nameTaken(let name): "there is a contact \"\(name)\" already"
        case .deviceNameTaken(let name): "there is a device \"\(name)\" already"
        case .badName(let reason): "this name cannot be used: \(reason)"
        case .badText(let reason): "this text cannot be sent: \(reason)"
        case .ownInvite: "this invite is your own: it is for somebody else"
        case .alreadyContact(let name): "\"\(name)\" is a contact already"
        case .invite(let words, _): words
        case .rosterSplit:
            "the account's roster has split in two: a device or the home node may be in other hands; nothing was changed"
        case .refused(let words): "the node refused: \(words)"
        case .noSession(let name): "there is no session with a device of \"\(name)\""
        case .unknownToNode(let address):
            "the account's node at \(address) is there and does not know this device: another device may have removed it"
        case .nodeLocked(let address):
            "the account's node at \(address) is locked: it takes messages in and hands none out before speem unlock"
        case .noNodeLocked: "no node of this account is locked"
        case .severalNodesLocked: "several nodes of this account are locked"
        case .alreadyLinked(let name): "\"\(name)\" is linked already"
        case .outcomeUnknown(let words, _): words
        case .damaged(let what): "the store holds \(what) that cannot be read"
        }
    }

    /// What to do about it.
    public var hint: String? {
        switch self {
        case .notInitialised: "run speem init"
        case .alreadyInitialised: "its contacts and messages stay; to begin anew choose another data folder"
        case .notLinked: "run the speem accept (or speem recover) that was interrupted again"
        case .notRestored: "run the speem restore that was interrupted again"
        case .oldCopy:
            "use the restored one; to use this machine too, link it as a device of its own with another data folder"
        case .identityMissing: "put the backup of the data folder back"
        case .noNode: "run speem accept with the claim invite that the node shows"
        case .hasNode: "speem nodes lists the account's nodes"
        case .tooManyNodes: "put a new one into the place of an old one: speem nodes replace"
        case .unknownDevice(_, let known): known.isEmpty ? nil : "the devices are: " + known.joined(separator: ", ")
        case .ambiguousDevice(_, let ids): "name one by the beginning of its id: " + ids.joined(separator: ", ")
        case .unknownNode(_, let known): known.isEmpty ? nil : "the nodes are: " + known.joined(separator: ", ")
        case .unknownProvision: "speem nodes lists the account's nodes, and those that are waited for"
        case .nodeNameTaken(let name): "choose another name, or speem node config --cancel \(name)"
        case .contactBlocked(let name): "speem contacts unblock \(name)"
        case .contactWithoutNode: "it can be reached again when it has taken one"
        case .unknownMessage: "speem sent --ids and speem outbox list them"
        case .unknownContact(_, let nearest):
            nearest.map { "did you mean \"\($0)\"?" } ?? "speem contacts lists them"
        case .nameTaken: "choose another with --name"
        case .deviceNameTaken: "choose another one"
        case .badName: "use up to 64 bytes of visible text"
        case .badText: nil
        case .ownInvite: "send it to the person you want to meet"
        case .alreadyContact: nil
        case .invite(_, let hint): hint
        case .rosterSplit: "look at speem devices, and use the recovery words (speem recover) when one is not yours"
        case .refused: nil
        case .noSession: "wait until the contact's device has answered"
        case .unknownToNode:
            "look at speem devices on another device; if nobody of you removed it, sign in with speem recover, which also drops whoever did"
        case .nodeLocked: "speem unlock"
        case .noNodeLocked: "speem nodes lists them, and whether they can be reached"
        case .severalNodesLocked(let names): "name one: " + names.joined(separator: ", ")
        case .alreadyLinked: "to undo it: speem devices remove"
        case .outcomeUnknown(_, let hint): hint
        case .damaged: "put back the newest backup of the data folder"
        }
    }

    /// - Throws: ``badName(_:)``.
    static func check(name: String) throws(DeviceError) {
        if let problem = ContactName.problem(name) { throw .badName(problem) }
    }

    /// What `body` makes of a row of the store: when it fails nobody else is to blame for it.
    static func stored<T>(_ what: String, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch {
            throw DeviceError.damaged(what)
        }
    }
}
