import SpeemProtocol
import SpeemIdentity
import SpeemStore

/// What becomes of the node's chain when entries are brought.
struct RosterExtension {
    /// The chain with the entries.
    let roster: Roster
    /// How many entries of the chain before stay in front of what is new.
    private let kept: Int

    private var added: ArraySlice<RosterEntry> { roster.entries[kept...] }
    var isChanged: Bool { !added.isEmpty }

    /// Entries that the chain has already are passed over. An entry at the place of a known one is a fork: the branch that
    /// the account key signed wins, and no other.
    ///
    /// - Throws: ``Refused``, `ROSTER_CONFLICT` or `ROSTER_REFUSED`.
    init(of before: Roster, with entries: [RosterEntry]) throws {
        var roster = before
        let unknown = entries.drop { before.contains($0.head) }
        if let first = unknown.first, first.previous != before.head {
            guard let index = before.entries.firstIndex(where: { $0.head == first.previous }),
                first.signer == .account, before.entries[index + 1].signer != .account
            else { throw Refused(.rosterConflict, "the roster has changed in between", head: before.head) }
            roster = before.prefix(index + 1)
        }
        kept = roster.entries.count
        for entry in unknown where !roster.contains(entry.head) {
            do { try roster.append(entry) } catch { throw Refused(.rosterRefused, "\(error)") }
        }
        self.roster = roster
    }

    /// Throws unless the account key signed what is new; where nothing is, the head.
    func requireRecovery() throws {
        guard (added.first ?? roster.newest).signer == .account else {
            throw Refused(.notAllowed, "the recovery words append what the account key signed")
        }
    }

    func store(in connection: Connection) throws(StoreError) {
        guard isChanged else { return }
        try RosterRows.delete(after: UInt64(kept), in: connection)
        for entry in added { try RosterRows.insert(entry, in: connection) }
    }
}
