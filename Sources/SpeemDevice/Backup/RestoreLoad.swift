import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Writes the rows of a verified backup into the store of a restore that has begun. Interrupted, it begins anew.
struct RestoreLoad: Sendable {
    let store: Store
    let backup: VerifiedBackup
    let clock: WallClock

    /// Bytes of rows in one transaction.
    private static let batchBytes = 512 * 1024
    private static let batchRows = 512

    /// - Parameter onProgress: bytes of the file that were read.
    func run(_ source: some BackupSource, account: AccountKey, onProgress: (Int64) -> Void) async throws {
        try await store.write { try Self.clear($0) }
        var reader = try BackupReader(source, account: account)
        var entries: [[UInt8]] = []
        var batch: [Row] = []
        var bytes = 0
        var table: BackupTable?
        func flush() async throws {
            let rows = batch
            batch = []
            bytes = 0
            guard !rows.isEmpty else { return }
            try await store.write { connection in
                for row in rows { try row.insert(in: connection) }
            }
        }
        while var record = try reader.next() {
            switch record.kind {
            case .manifest, .end: break
            case .rosterEntry: entries.append(record.bytes)
            case .table: table = try await known(try BackupTable(record.bytes))
            case .row:
                guard let table else { throw BackupError.damaged("a row of no table") }
                defer { Wipe.zero(&record.bytes) }
                batch.append(Row(table: table, values: try BackupRow.decode(record.bytes, count: table.columns.count)))
                bytes += record.bytes.count
                if bytes > Self.batchBytes || batch.count >= Self.batchRows { try await flush() }
            }
            onProgress(reader.position)
        }
        guard reader.hash == backup.hash else { throw BackupError.changed }
        try await flush()
        let (backup, now) = (backup, clock.milliseconds())
        try await store.write { try Self.finish(backup, now: now, in: $0) }
    }

    private struct Row: Sendable {
        let table: BackupTable
        let values: [Value]

        func insert(in connection: Connection) throws {
            // What a body on its way belonged to is gone, or the body is.
            if table.name == BackupTables.outgoing.name, let column = table.columns.firstIndex(of: "body"),
                case .integer(let body) = values[column],
                try connection.first(
                    "SELECT 1 FROM outgoing_body WHERE id = ?", .integer(body),
                    row: {
                        row throws(StoreError) in try row.integer(0)
                    }) == nil
            {
                return
            }
            if table.name == "outgoing_body" || table.name == "message" || table.name == BackupTables.outgoing.name {
                guard try hasContact(in: connection) else { return }
            }
            try connection.execute(
                "INSERT INTO \(table.name) (\(table.columns.joined(separator: ", "))) VALUES ("
                    + table.columns.map { _ in "?" }.joined(separator: ", ") + ")", values: values)
        }

        /// A contact that was removed while the backup was made is not in the cut, and a new one may be in a later page.
        private func hasContact(in connection: Connection) throws -> Bool {
            let name = table.name == "outgoing_body" ? "recipient" : "contact"
            guard let column = table.columns.firstIndex(of: name), case .integer(let contact) = values[column] else {
                throw BackupError.damaged("a row of no contact")
            }
            return try connection.first("SELECT 1 FROM contact WHERE id = ?", .integer(contact)) {
                row throws(StoreError) in try row.integer(0)
            } != nil
        }
    }

    /// Only tables and columns of our own: their names become part of statements.
    private func known(_ table: BackupTable) async throws -> BackupTable {
        guard BackupTables.names.contains(table.name) else { throw BackupError.damaged("an unknown table") }
        let columns = try await store.read { try BackupTables.columns(of: table.name, in: $0) }
        guard table.columns.allSatisfy(columns.contains) else { throw BackupError.damaged("an unknown column") }
        return table
    }

    /// Nothing is left of an attempt before this one but that it began.
    static func clear(_ connection: Connection) throws {
        try connection.execute("PRAGMA defer_foreign_keys = ON")
        for name in BackupTables.names.sorted() { try connection.execute("DELETE FROM " + name) }
        try connection.execute("DELETE FROM roster_entry")
    }

    /// Everything is here.
    private static func finish(_ backup: VerifiedBackup, now: Int64, in connection: Connection) throws {
        for entry in backup.roster.entries { try OwnRoster.insert(entry, in: connection) }
        // Nodes answer only counters above all that they have seen: the old device went on after the backup.
        try connection.execute("UPDATE initiator SET counter = max(counter, ?)", .integer(now))
        try connection.execute("UPDATE device SET old_copy = 0")
        // Old sessions only receive: whatever goes out waits for new ones.
        try connection.execute("UPDATE contact SET renew = 2")
        let keys = DeviceKeys(random: SystemRandomSource())
        try RestoreRows.make(keys, random: SystemRandomSource(), in: connection)
        // The way in of the new device at each contact's nodes, made with the old device's key there as long as that is good.
        for contact in try ContactRows.all(in: connection) where contact.problem == nil {
            guard try !SponsorRows.isMissing(contact.id, in: connection) else { continue }
            try SponsorRows.insert(
                contact: contact.id, device: keys.entry.id, random: SystemRandomSource(), in: connection)
        }
        try RestoreRows.set(.loaded, in: connection)
    }
}
