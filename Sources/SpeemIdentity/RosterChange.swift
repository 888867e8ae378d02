public import SpeemCrypto

/// A change that a person wants, apart from the entry that makes it: when another device was faster, the same change is
/// made to what that device left (compare and swap; the loser rebases).
public enum RosterChange: Sendable, Equatable {
    case addDevice(DeviceEntry)
    case removeDevice(DeviceID)
    /// Adds a node at the end; one of the same key gets new addresses and keeps its place.
    case putNode(NodeEntry)
    /// Puts a new node into the place of an old one, so that home moves with it.
    case replaceNode(old: X25519.PublicKey, new: NodeEntry)
    case removeNode(X25519.PublicKey)

    /// What the next entry lists.
    ///
    /// - Returns: nil when nothing is left to change: somebody else made the same change.
    /// - Throws: ``IdentityError/roster(sequence:reason:)`` when it cannot be made any more.
    public func applied(
        to roster: Roster
    ) throws(IdentityError) -> (devices: [DeviceEntry], nodes: [NodeEntry])? {
        var devices = roster.devices
        var nodes = roster.nodes
        func refuse(_ reason: String) -> IdentityError {
            .roster(sequence: roster.newest.sequence, reason: reason)
        }
        switch self {
        case .addDevice(let entry):
            guard roster.device(entry.id) == nil else { return nil }
            // Whoever rebases an addition that had been made already must not undo a removal that came after it.
            guard !roster.entries.contains(where: { $0.lists(entry.id) != nil }) else {
                throw refuse("the device was removed; it comes back with new keys only")
            }
            guard devices.count < RosterEntry.maxDevices else {
                throw refuse("an account has at most \(RosterEntry.maxDevices) devices")
            }
            devices.append(entry)
        case .removeDevice(let id):
            guard roster.device(id) != nil else { return nil }
            guard devices.count > 1 else { throw refuse("it lists one device, which cannot be removed") }
            devices.removeAll { $0.id == id }
        case .putNode(let node):
            if let index = nodes.firstIndex(where: { $0.noise == node.noise }) {
                guard nodes[index] != node else { return nil }
                nodes[index] = node
            } else {
                guard nodes.count < RosterEntry.maxNodes else {
                    throw refuse("an account has at most \(RosterEntry.maxNodes) nodes")
                }
                nodes.append(node)
            }
        case .replaceNode(let old, let new):
            if nodes.contains(where: { $0.noise == new.noise }) {
                guard nodes.contains(where: { $0.noise == old }) else { return nil }
                throw refuse("it lists the new node already")
            }
            guard let index = nodes.firstIndex(where: { $0.noise == old }) else {
                throw refuse("the node to be replaced is not listed")
            }
            nodes[index] = new
        case .removeNode(let key):
            guard nodes.contains(where: { $0.noise == key }) else { return nil }
            nodes.removeAll { $0.noise == key }
        }
        return (devices, nodes)
    }
}
