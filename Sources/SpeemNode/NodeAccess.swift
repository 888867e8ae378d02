import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport
import Synchronization

/// The access table in memory: what the handshake asks. The store holds the same rows.
final class NodeAccess: AccessTable {
    struct Entry: Sendable {
        let grant: AccessGrant
        let initiatorKey: [UInt8]
        let kind: GrantKind
        /// Whose it is: see ``PartyRows``.
        let party: Int64
        var counter: UInt64
    }

    private struct Table {
        var byKey: [[UInt8]: Entry] = [:]
        var keys: [Int64: [UInt8]] = [:]
        /// Counters that the store does not have yet.
        var dirty: Set<Int64> = []
        /// Parties with the grant of a device or of a route.
        var contacts: Set<Int64> = []
        var version: UInt64 = 0
        /// Rows whose deletion was heard of before the making: whoever waits for two transactions may hear of the
        /// second one first, and a withdrawn grant must not come back by that.
        var gone: Set<Int64> = []
        var digest: (version: UInt64, bytes: [UInt8])?
        var temporaryStaticKey: X25519.PrivateKey?
    }

    private let table = Mutex(Table())

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        table.withLock { $0.byKey[initiatorKey.bytes]?.grant }
    }

    /// That of a provisioned node, until somebody owns it.
    var temporaryStaticKey: X25519.PrivateKey? {
        get { table.withLock { $0.temporaryStaticKey } }
        set { table.withLock { $0.temporaryStaticKey = newValue } }
    }

    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool {
        table.withLock { table in
            guard let key = table.keys[grant.id], var entry = table.byKey[key], counter > entry.counter,
                counter <= UInt64(Int64.max)
            else { return false }
            entry.counter = counter
            table.byKey[key] = entry
            table.dirty.insert(grant.id)
            return true
        }
    }

    /// The row of a grant; nil once it was withdrawn.
    func entry(of grant: AccessGrant) -> Entry? {
        table.withLock { table in table.keys[grant.id].flatMap { table.byKey[$0] } }
    }

    /// The row of an initiator key.
    func entry(for initiatorKey: [UInt8]) -> Entry? { table.withLock { $0.byKey[initiatorKey] } }

    /// The rows of grants that are there, by their numbers.
    func entries(of grants: [Int64]) -> [Entry] {
        table.withLock { table in grants.compactMap { table.keys[$0].flatMap { table.byKey[$0] } } }
    }

    /// All rows.
    var entries: [Entry] { table.withLock { Array($0.byKey.values) } }

    /// Counters that were seen elsewhere, by initiator keys.
    func raise(counters: [[UInt8]: UInt64]) {
        table.withLock { table in
            for (key, counter) in counters {
                guard var entry = table.byKey[key], counter > entry.counter else { continue }
                entry.counter = counter
                table.byKey[key] = entry
                table.dirty.insert(entry.grant.id)
            }
        }
    }

    /// How many contacts have a grant: each has an equal share of the mailboxes.
    var contacts: Int64 { table.withLock { Int64($0.contacts.count) } }

    /// How many there are when `party` is one of them.
    func contacts(with party: Int64) -> Int64 {
        table.withLock { Int64($0.contacts.count) + ($0.contacts.contains(party) ? 0 : 1) }
    }

    /// The grants of a party, by their numbers.
    func grants(of party: Int64) -> [Int64] {
        table.withLock { table in table.byKey.values.filter { $0.party == party }.map(\.grant.id) }
    }

    // MARK: What two nodes compare

    /// Counts the changes of grants and withdrawals, each after its commit.
    var version: UInt64 { table.withLock { $0.version } }

    /// The digest of the table in this version, where it was worked out already.
    func digest(of version: UInt64) -> [UInt8]? {
        table.withLock { $0.digest.flatMap { $0.version == version ? $0.bytes : nil } }
    }

    /// Remembers a digest of what was read when the table had (at least) this version.
    func remember(digest: [UInt8], of version: UInt64) { table.withLock { $0.digest = (version, digest) } }

    // MARK: Following the store

    /// Takes over a committed change.
    func apply(_ change: AccessChange) {
        table.withLock { table in
            for id in change.removed {
                if let key = table.keys.removeValue(forKey: id) {
                    table.byKey[key] = nil
                } else {
                    table.gone.insert(id)
                }
                table.dirty.remove(id)
            }
            for entry in change.inserted where table.gone.remove(entry.grant.id) == nil {
                table.byKey[entry.initiatorKey] = entry
                table.keys[entry.grant.id] = entry.initiatorKey
            }
            table.contacts = Set(table.byKey.values.lazy.filter { $0.kind.isOfContact }.map(\.party))
            table.version += 1
        }
    }

    /// The counters that were seen since they were last written.
    ///
    /// When the transaction that writes them fails they are written with a later one: a crash in between only lets
    /// recorded first messages be answered again, which spends nothing.
    var dirtyCounters: [Int64: UInt64] {
        table.withLock { table in
            var counters: [Int64: UInt64] = [:]
            for id in table.dirty {
                guard let key = table.keys[id], let entry = table.byKey[key] else { continue }
                counters[id] = entry.counter
            }
            return counters
        }
    }

    /// After a commit that wrote `counters`; one that has grown since is still to be written.
    func countersWritten(_ counters: [Int64: UInt64]) {
        table.withLock { table in
            for (id, counter) in counters {
                guard let key = table.keys[id], table.byKey[key]?.counter == counter else { continue }
                table.dirty.remove(id)
            }
        }
    }
}

/// What a transaction did to the access table: rows that it made, and the ids of those that it deleted.
struct AccessChange: Sendable {
    var inserted: [NodeAccess.Entry] = []
    var removed: [Int64] = []
}
