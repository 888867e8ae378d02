import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Changes the account's roster: the home node compares and swaps, and the loser makes its change to what the winner left.
struct RosterFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// Rounds of one change at the most: each means that another device was faster.
    private static let maxRounds = 16

    /// Makes a change, and commits it here with what follows from it.
    ///
    /// - Parameters:
    ///   - grants: of devices that the change adds.
    ///   - node: where it is made, if not at home.
    /// - Throws: ``SpeemIdentity/IdentityError`` when the change cannot be made any more, ``DeviceError``,
    ///   ``SpeemTransport/TransportError``.
    func change(_ change: RosterChange, grants: [WireGrant] = [], at node: NodeEntry? = nil) async throws {
        let home: ClientConnection
        if let node {
            home = try await connections.connection(state.ownInitiator, at: node)
        } else {
            home = try await connections.home()
        }
        // What the node has lost: its disk may have gone back.
        var missing: [Data] = []
        for _ in 0..<Self.maxRounds {
            let roster = try await state.roster()
            guard let wanted = try change.applied(to: roster) else { return }
            let entry = try RosterEntry.next(
                after: roster.newest, signedBy: state.local.keys, devices: wanted.devices, nodes: wanted.nodes)
            let lost = missing
            let response = try await home.request(
                .with {
                    $0.rosterAppend = .with {
                        $0.entries = lost + [Data(entry.encoded)]
                        $0.grants = grants
                    }
                })
            if case .refusal(let refusal) = response.kind {
                guard refusal.code == .rosterConflict else { throw RefusalError(refusal) }
                let index = roster.entries.firstIndex { $0.head.bytes == [UInt8](refusal.head) }
                missing = index.map { roster.entries[($0 + 1)...].map { Data($0.encoded) } } ?? []
                if index == nil, case .forkThatLoses = try await fetch(over: home) { throw DeviceError.rosterSplit }
                continue
            }
            var next = roster
            try next.append(entry)
            let taken = next
            return try await state.store.write { [state] connection in
                // Between the answer and now the next change may have been fetched, and this one with it.
                if try OwnRoster.load(account: state.account, in: connection).head == entry.previous {
                    try OwnRoster.take(taken, state: state, in: connection)
                }
            }
        }
        throw DeviceError.refused("other devices change the account's roster all the time")
    }

    /// Fetches the chain from a node, and takes it when it goes on from the known one.
    @discardableResult
    func fetch(over connection: ClientConnection) async throws -> RosterJudgement {
        let entries = try await connection.fetchRosterEntries()
        return try await state.store.write { [state] in try OwnRoster.judge(entries, state: state, in: $0) }
    }
}
