import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore

/// Makes a backup of a device while it goes on working.
///
/// One read transaction takes all that does not grow with the history, and how far the history goes; the history then follows
/// page by page. What happens to a message meanwhile, such as that it was read or deleted, may already be in its page: that is as
/// true. What came after the cut is not in it. What was in it and is gone is left out, and so is what referred to it.
struct BackupMaker: Sendable {
    let state: DeviceState
    let clock: WallClock

    /// - Parameters:
    ///   - onProgress: rows that were read, of how many.
    ///   - write: takes the next bytes of the file.
    func run(
        onProgress: (_ done: Int64, _ of: Int64) async throws -> Void, write: ([UInt8]) async throws -> Void
    ) async throws -> BackupManifest {
        let cut = try await cut()
        var writer = try BackupWriter(account: state.account, random: state.random)
        let manifest = cut.manifest
        writer.write(.manifest, manifest.encoded)
        for entry in cut.roster { writer.write(.rosterEntry, entry) }
        var done: Int64 = 0
        for table in cut.state { try await self.write(table, &writer, &done, manifest, onProgress, write) }
        for (index, highest) in cut.highest.enumerated() {
            var after: Int64 = 0
            while true {
                let (from, table) = (after, index)
                let (columns, rows, last) = try await state.store.read {
                    try Self.history(table, after: from, upTo: highest, in: $0)
                }
                let page = Rows(
                    table: BackupTable(name: BackupTables.history[index].name, columns: columns), rows: rows)
                try await self.write(page, &writer, &done, manifest, onProgress, write)
                guard let last else { break }
                after = last
            }
        }
        try await self.write(cut.outgoing, &writer, &done, manifest, onProgress, write)
        writer.finish(signing: state.local.keys.signing)
        try await write(writer.take())
        return manifest
    }

    /// Encoded rows of a table.
    private struct Rows: Sendable {
        let table: BackupTable
        let rows: [SecretBytes]
    }

    private struct Cut: Sendable {
        let manifest: BackupManifest
        let roster: [[UInt8]]
        let state: [Rows]
        let outgoing: Rows
        let highest: [Int64]
    }

    private func cut() async throws -> Cut {
        let now = clock.milliseconds()
        let state = state
        return try await state.store.read { connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            guard roster.device(state.id) != nil else {
                throw DeviceError.refused("this device was removed from the account: there is nothing to restore it as")
            }
            let tables = try BackupTables.state.map { table in
                let columns = try BackupTables.columns(of: table.name, in: connection)
                return Rows(
                    table: BackupTable(name: table.name, columns: columns),
                    rows: try Self.rows(table.select, count: columns.count, in: connection))
            }
            let outgoing = Rows(
                table: BackupTable(name: BackupTables.outgoing.name, columns: BackupTables.outgoing.columns),
                rows: try Self.rows(
                    BackupTables.outgoing.select, count: BackupTables.outgoing.columns.count, in: connection))
            var total = tables.reduce(Int64(outgoing.rows.count)) { $0 + Int64($1.rows.count) }
            let highest = try BackupTables.history.map { table in
                try connection.first(table.highest) { row throws(StoreError) in try row.integer(0) } ?? 0
            }
            total +=
                try connection.first("SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM outgoing_body)") {
                    row throws(StoreError) in try row.integer(0)
                } ?? 0
            return Cut(
                manifest: BackupManifest(account: state.account, device: state.id, made: now, rows: total),
                roster: roster.entries.map(\.encoded), state: tables, outgoing: outgoing, highest: highest)
        }
    }

    private static func rows(_ select: String, count: Int, in connection: Connection) throws(StoreError)
        -> [SecretBytes]
    {
        try connection.query(select) { row throws(StoreError) in try encoded(row, count: count) }
    }

    private static func encoded(_ row: Row, count: Int) throws(StoreError) -> SecretBytes {
        var values: [Value] = []
        for column in 0..<count { values.append(try row.value(column)) }
        var bytes = BackupRow.encode(values)
        defer { Wipe.zero(&bytes) }
        return SecretBytes(bytes)
    }

    private static func history(
        _ index: Int, after: Int64, upTo highest: Int64, in connection: Connection
    ) throws(StoreError) -> (columns: [String], rows: [SecretBytes], last: Int64?) {
        let table = BackupTables.history[index]
        let columns = try BackupTables.columns(of: table.name, in: connection)
        var last: Int64?
        let rows = try connection.query(table.select, .integer(after), .integer(highest), .integer(table.page)) {
            row throws(StoreError) in
            last = try row.integer(0)
            return try encoded(row, count: columns.count)
        }
        return (columns, rows, last)
    }

    private func write(
        _ rows: Rows, _ writer: inout BackupWriter, _ done: inout Int64, _ manifest: BackupManifest,
        _ onProgress: (_ done: Int64, _ of: Int64) async throws -> Void, _ write: ([UInt8]) async throws -> Void
    ) async throws {
        guard !rows.rows.isEmpty else { return }
        writer.write(.table, rows.table.encoded)
        for row in rows.rows {
            writer.write(.row, row.exposedCopy())
            done += 1
            let bytes = writer.take()
            if !bytes.isEmpty { try await write(bytes) }
        }
        try await onProgress(done, max(done, manifest.rows))
    }
}
