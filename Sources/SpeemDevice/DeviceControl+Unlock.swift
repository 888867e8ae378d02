import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Unlocking an own node over the network: what its person looks at first, and then the store's key.
///
/// Two steps, because between them somebody says yes: whoever has stolen the locked board can ask for the key, too.
extension DeviceControl {
    /// The node that is meant, if it is locked: `node` (an address, or the beginning of its key), or the only one.
    func startUnlocking(_ parameters: JSON) async throws -> JSON {
        if let name = parameters["node"]?.stringValue {
            let node = try await find(name)
            guard let found = try await lockedNode(node) else { throw DeviceError.noNodeLocked }
            return found
        }
        let nodes = try await device.state.ownNodes().filter { !$0.isRetired }.map(\.entry)
        guard !nodes.isEmpty else { throw DeviceError.noNode }
        // By number: Swift 6.3.1, optimised, spoils a tuple of a node and a result that a task of the group returns.
        let found = await withTaskGroup(of: (Int, Lock).self) { group in
            for (index, node) in nodes.enumerated() { group.addTask { (index, await lock(of: node)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let locked = found.compactMap { index, lock in lock.info.map { (nodes[index], $0) } }
        guard locked.count < 2 else {
            throw DeviceError.severalNodesLocked(locked.map { $0.0.addresses.first ?? Hex.encode($0.0.noise.bytes) })
        }
        if let only = locked.first { return only.1 }
        for (_, lock) in found { if case .unknown(let error) = lock { throw error } }
        throw DeviceError.noNodeLocked
    }

    /// What a node says of its lock.
    private enum Lock: Sendable {
        case locked(JSON)
        case open
        case unknown(any Error)

        var info: JSON? {
            switch self {
            case .locked(let info): info
            case .open, .unknown: nil
            }
        }
    }

    private func lock(of node: NodeEntry) async -> Lock {
        do {
            guard let info = try await lockedNode(node) else { return .open }
            return .locked(info)
        } catch {
            return .unknown(error)
        }
    }

    /// - Returns: nil when it is not locked.
    private func lockedNode(_ node: NodeEntry) async throws -> JSON? {
        let connections = device.connections
        let initiator = device.state.ownInitiator
        let answer = await Deadline.wait(Self.patience) { () -> Result<JSON?, any Error> in
            do {
                let connection = try await connections.connection(initiator, at: node)
                let response = try await connection.request(.with { $0.unlockStart = WireUnlockStart() })
                try response.requireNoRefusal()
                guard case .unlockInfo(let info) = response.kind else {
                    throw TransportError.violation("not an answer to unlocking")
                }
                return .success(info.locked ? Self.json(info, node, connection.address) : nil)
            } catch {
                return .failure(error)
            }
        }
        return try (answer ?? .failure(TransportError.timedOut(address: node.addresses.first ?? ""))).get()
    }

    private static func json(_ info: WireUnlockInfo, _ node: NodeEntry, _ address: String) -> JSON {
        .object([
            "node_key": .string(Hex.encode(node.noise.bytes)), "address": .string(address),
            "name": .string(info.name), "addresses": .array(info.addresses.map { .string($0) }),
            "wrapped_key": .string(Hex.encode([UInt8](info.wrappedKey))),
            "boot_seconds": .integer(Int64(clamping: info.bootSeconds)),
            "locked_seconds": .integer(Int64(clamping: info.lockedSeconds)),
            "spool_bytes": .integer(Int64(clamping: info.spoolBytes)),
            "spool_limit": .integer(Int64(clamping: info.spoolLimit)),
            "spool_deposits": .integer(Int64(clamping: info.spoolDeposits)),
        ])
    }

    /// Gives the key to the node `node_key`, and returns when its store is open.
    func finishUnlocking(_ parameters: JSON) async throws -> JSON {
        guard let name = parameters["node_key"]?.stringValue, let text = parameters["key"]?.stringValue,
            let key = Hex.decodeSecret(Array(text.utf8)[...]), key.count == 32
        else { throw ControlError.invalidParameters("unlock.finish takes a node_key and the store's key") }
        let node = try await find(name)
        do {
            let connection = try await device.connections.connection(device.state.ownInitiator, at: node)
            let response = try await connection.request(
                .with { $0.unlock = .with { $0.dataKey = Data(key.exposedCopy()) } })
            try response.requireNoRefusal()
        } catch let error as RefusalError {
            throw DeviceError.refused(error.description)
        } catch let error as TransportError {
            // The answer may be what was lost.
            guard (try? await lockedNode(node)) == .some(.none) else { throw error }
        }
        // What has waited for this goes on at once.
        device.retryAll.notify()
        device.work.notify()
        return .object(["locked": .bool(false)])
    }
}
