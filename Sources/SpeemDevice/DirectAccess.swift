import SpeemCrypto
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization

/// Who may connect to this device: the devices that may deposit at the account's nodes, with the same keys.
final class DirectAccess: AccessTable {
    private struct Entry {
        let grant: AccessGrant
        var counter: UInt64
    }

    private struct Table {
        var byKey: [[UInt8]: Entry] = [:]
        var keys: [Int64: [UInt8]] = [:]
        var next: Int64 = 1
        /// Counters that the store does not have yet.
        var dirty: Set<[UInt8]> = []
        var version: Int64?
    }

    private let table = Mutex(Table())

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        table.withLock { $0.byKey[initiatorKey.bytes]?.grant }
    }

    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool {
        table.withLock { table in
            guard let key = table.keys[grant.id], let known = table.byKey[key], counter > known.counter,
                counter <= UInt64(Int64.max)
            else { return false }
            table.byKey[key]?.counter = counter
            table.dirty.insert(key)
            return true
        }
    }

    func isKnown(_ grant: AccessGrant) -> Bool { table.withLock { $0.keys[grant.id] != nil } }

    /// Takes over the grants in the store where they have changed.
    ///
    /// - Returns: the grants that are gone.
    func refresh(from store: Store) async throws -> [Int64] {
        let known = table.withLock { $0.version }
        let read = try await store.read { connection -> (version: Int64, rows: [DirectGrant])? in
            let version = try NodeGrantRows.version(in: connection)
            return version == known ? nil : (version, try DirectGrant.all(in: connection))
        }
        guard let read else { return [] }
        return table.withLock { table in
            table.version = read.version
            var gone = table.keys
            for row in read.rows {
                if let known = table.byKey[row.key] {
                    gone[known.grant.id] = nil
                    continue
                }
                let grant = AccessGrant(id: table.next, preSharedKey: row.preSharedKey)
                table.next += 1
                table.byKey[row.key] = Entry(grant: grant, counter: UInt64(clamping: row.counter))
                table.keys[grant.id] = row.key
            }
            for (id, key) in gone {
                table.keys[id] = nil
                table.byKey[key] = nil
                table.dirty.remove(key)
            }
            return Array(gone.keys)
        }
    }

    /// Counters that were seen since they were last written. A crash before that lets recorded first messages be answered
    /// again, which spends nothing: whoever sends them cannot go on.
    var dirtyCounters: [[UInt8]: UInt64] {
        table.withLock { table in
            let counters = table.dirty.compactMap { key in table.byKey[key].map { (key, $0.counter) } }
            return Dictionary(counters) { $1 }
        }
    }

    /// After the commit that wrote them; one that has grown since is still to be written.
    func written(_ counters: [[UInt8]: UInt64]) {
        table.withLock { table in
            for (key, counter) in counters where table.byKey[key]?.counter == counter { table.dirty.remove(key) }
        }
    }
}

/// A key that opens connections to this device.
private struct DirectGrant: Sendable {
    let key: [UInt8]
    let preSharedKey: SecretBytes
    let counter: Int64

    /// The grants of contacts' devices and of other own devices; routes are for nodes, which do not come here.
    static func all(in connection: Connection) throws -> [DirectGrant] {
        let rows = try connection.query(
            "SELECT encoded, counter FROM node_grant LEFT JOIN direct_counter USING (initiator_key)"
        ) { row throws(StoreError) in (encoded: try row.blob(0), counter: try row.optionalInteger(1)) }
        let blocked = try ContactKeyRows.blocked(in: connection)
        return try rows.compactMap { row in
            let grant = try DeviceError.stored("a grant") { try WireGrant(serializedBytes: row.encoded) }
            switch grant.kind {
            case .ownDevice: break
            case .contact: guard !blocked.contains([UInt8](grant.origin)) else { return nil }
            case .route, .recovery, .unspecified, .UNRECOGNIZED: return nil
            }
            return DirectGrant(
                key: [UInt8](grant.initiatorKey), preSharedKey: SecretBytes(grant.preSharedKey),
                counter: row.counter ?? 0)
        }
    }
}

extension DirectAccess {
    static func write(_ counters: [[UInt8]: UInt64], in connection: Connection) throws(StoreError) {
        for (key, counter) in counters {
            try connection.execute(
                """
                INSERT INTO direct_counter (initiator_key, counter) VALUES (?1, ?2)
                ON CONFLICT (initiator_key) DO UPDATE SET counter = max(counter, ?2)
                """, .blob(key), .integer(Int64(clamping: counter)))
        }
    }
}
