import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemStore

/// Somebody whom this device can recognise on a network.
enum Neighbour: Sendable, Hashable {
    case ownNode
    /// A node that a file has promised to this account.
    case provisionedNode(name: String)
    case ownDevice(DeviceID)
    case contactsNode(Int64)
    case contactsDevice(Int64, DeviceID)

    /// The contact for whom something may be waiting; own devices are a contact of a kind.
    func contact(own: Int64) -> Int64? {
        switch self {
        case .ownNode, .provisionedNode: nil
        case .ownDevice: own
        case .contactsNode(let contact), .contactsDevice(let contact, _): contact
        }
    }
}

/// All whom this device can recognise, by their Noise static keys.
struct Neighbours: Sendable {
    private(set) var who: [[UInt8]: Neighbour] = [:]
    private(set) var keys: [[UInt8]: EndpointKey] = [:]

    /// Endpoints that are looked for at the most: each record of a stranger is compared with all of them.
    static let maximum = 4096

    static func load(state: DeviceState, in connection: Connection) throws -> Neighbours {
        var result = Neighbours()
        for provision in try ProvisionRows.all(in: connection) {
            let keys = ProvisionKeys(secret: provision.secret)
            guard let key = EndpointKey(keys.discovery) else { continue }
            result.keys[keys.node.publicKey.bytes] = key
            result.who[keys.node.publicKey.bytes] = .provisionedNode(name: provision.name)
        }
        if let own = try DiscoveryRows.own(in: connection) {
            let roster = try OwnRoster.load(account: state.account, in: connection)
            for node in roster.nodes { result.add(node.noise.bytes, own, .ownNode) }
            for device in roster.devices where device.id != state.id {
                result.add(device.noise.bytes, own, .ownDevice(device.id))
            }
        }
        for contact in try ContactRows.all(in: connection) {
            guard let key = try DiscoveryRows.key(of: contact.id, in: connection) else { continue }
            let roster = try ContactRows.roster(of: contact, in: connection)
            for node in roster.nodes { result.add(node.noise.bytes, key, .contactsNode(contact.id)) }
            for device in roster.devices {
                result.add(device.noise.bytes, key, .contactsDevice(contact.id, device.id))
            }
        }
        return result
    }

    private mutating func add(_ staticKey: [UInt8], _ key: DiscoveryKey, _ who: Neighbour) {
        guard keys.count < Self.maximum else { return }
        keys[staticKey] = key.endpoint(staticKey)
        self.who[staticKey] = who
    }
}
