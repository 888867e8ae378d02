import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// A device finds the nodes that it has written files for, and takes them.
///
/// Such a node is known by the key that its file's secret derives. Reached under that, it tells its own key; from then on
/// it is claimed as with an invite, under its own key.
struct ProvisionFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock
    /// Claims go one after the other; looking for a node that may be off is not a part of them.
    let accepting: OneAtATime

    /// What came of an attempt at all of them.
    struct Outcome: Sendable {
        /// The account has other nodes than before.
        var taken = 0
        var isWaiting = false
    }

    /// Tries every node that waits, once.
    func tryAll() async throws -> Outcome {
        var outcome = Outcome()
        for provision in try await state.store.read({ try ProvisionRows.all(in: $0) }) {
            do {
                if try await dropIfExpired(provision) { continue }
                try await take(provision)
                outcome.taken += 1
            } catch is CancellationError {
                outcome.isWaiting = true
                return outcome
            } catch DeviceError.refused(let words) {
                // It will not say anything else, and each claim is told to all nodes and contacts.
                try await forget(provision, "the node \"\(provision.name)\" will not be ours (\(words))")
            } catch {
                outcome.isWaiting = true
                // That it is not there yet is no problem.
                let words = error is NotThere ? nil : "\(error)"
                state.logger.debug("the node \"\(provision.name)\" is not taken yet: \(error)")
                try await state.store.write { try ProvisionRows.failed(provision, words, in: $0) }
            }
        }
        return outcome
    }

    /// Nobody answers to the key that the file's secret derives.
    private struct NotThere: Error, CustomStringConvertible {
        let description: String
    }

    private func identify(_ provision: PendingProvision) async throws -> (node: NodeEntry, oneTime: Int64) {
        let told: (node: NodeEntry, oneTime: Int64)
        do {
            told = try await ask(provision)
        } catch let error as TransportError {
            throw NotThere(description: "\(error)")
        }
        // Whoever else has the file could name one of the account's nodes, which would then be taken for a new one.
        let roster = try await state.roster()
        guard !roster.nodes.contains(where: { $0.noise == told.node.noise }) else {
            throw DeviceError.invite(
                "somebody else answers with the file's secret, and names a node that is the account's already",
                hint: "make another file: speem node config")
        }
        // It is tried where it was found just now, too: its own view of its network may be another one.
        let here = connections.nearbyAddresses(of: provision.node.noise.bytes)
        let key = told.node.noise.bytes
        try await state.store.write { connection in
            guard try WorkedAddresses.find(key, in: connection) == nil,
                let worked = try WorkedAddresses.find(provision.node.noise.bytes, in: connection) ?? here.first
            else { return }
            try WorkedAddresses.set(worked, for: key, in: connection)
        }
        return told
    }

    /// The node's own key, under which it is claimed.
    private func ask(_ provision: PendingProvision) async throws -> (node: NodeEntry, oneTime: Int64) {
        // Somebody else's address may stand in the file, or nobody is there: no write for that.
        guard !provision.node.addresses.isEmpty || !connections.nearbyAddresses(of: provision.node.noise.bytes).isEmpty
        else { throw TransportError.invalidAddress("") }
        let oneTime = try await state.store.write { try ProvisionRows.oneTime(of: provision, in: $0) }
        let connection = try await connections.connection(oneTime, at: provision.node)
        let response = try await connection.request(.with { $0.nodeIdentify = WireNodeIdentify() })
        await connections.close(oneTime)
        try response.requireNoRefusal()
        guard case .nodeIdentity(let identity) = response.kind else {
            throw TransportError.violation("not a node's key")
        }
        let told: NodeEntry
        do {
            told = try NodeEntry(stored: [UInt8](identity.node))
        } catch {
            throw TransportError.violation("\(error)")
        }
        guard told.noise != provision.node.noise else {
            throw TransportError.violation("a node without a key of its own")
        }
        let node = told.addresses.isEmpty ? try NodeEntry(noise: told.noise, addresses: provision.node.addresses) : told
        return (node, oneTime)
    }

    private func take(_ provision: PendingProvision) async throws {
        let begun = try await state.store.read { try ClaimFlow.claimed(with: provision.secret, in: $0) }
        let node: NodeEntry
        var oneTime: Int64?
        if let begun {
            node = begun
        } else {
            (node, oneTime) = try await identify(provision)
        }
        let invite = Invite(purpose: .claim, expires: 0, node: node, secret: provision.secret)
        try await accepting.run { [oneTime] in
            // It may have been taken back meanwhile.
            guard
                try await state.store.read({ try ProvisionRows.all(in: $0) }).contains(where: {
                    $0.secret == provision.secret
                })
            else { throw DeviceError.unknownProvision(provision.name) }
            try await ClaimFlow(state: state, connections: connections).claim(
                invite, place: provision.place, oneTime: oneTime)
        }
    }

    /// - Returns: whether it was forgotten. One whose claim was begun may be ours, and is not.
    private func dropIfExpired(_ provision: PendingProvision) async throws -> Bool {
        guard provision.expires <= clock.seconds() else { return false }
        return try await state.store.write { connection in
            guard try ClaimFlow.claimed(with: provision.secret, in: connection) == nil else { return false }
            try Self.forget(provision, "the node \"\(provision.name)\" was not found in time", in: connection)
            return true
        }
    }

    private func forget(_ provision: PendingProvision, _ why: String) async throws {
        try await state.store.write { try Self.forget(provision, why, in: $0) }
    }

    /// Its secret goes, and the person is told.
    private static func forget(_ provision: PendingProvision, _ why: String, in connection: Connection) throws {
        try ProvisionRows.delete(provision, in: connection)
        try NoticeRows.insert(
            .words("\(why), and its file is worthless now: make another with speem node config"), in: connection)
    }

    /// The person takes the file back.
    ///
    /// - Throws: ``DeviceError``; ``SpeemTransport/TransportError``.
    func cancel(_ name: String) async throws {
        guard let provision = try await state.store.read({ try ProvisionRows.all(in: $0).first { $0.name == name } })
        else { throw DeviceError.unknownProvision(name) }
        try await accepting.run {
            try await ClaimFlow(state: state, connections: connections).giveUp(provision.secret)
            try await state.store.write { connection in
                guard let rest = try ProvisionRows.all(in: connection).first(where: { $0.secret == provision.secret })
                else { return }
                try ProvisionRows.delete(rest, in: connection)
            }
        }
    }
}
