import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

let mainPath = "/store/store.db"
let walPath = "/store/store.db-wal"
let keyPath = "/store/store.key"
let markerPath = "/store/initialised"
let ballastPath = "/store/store.ballast"

/// The schema of the tests.
let testMigrations = [
    Migration(number: 1, name: "notes") { connection in
        try connection.execute(
            "CREATE TABLE note (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, text TEXT NOT NULL) STRICT")
    }
]

func options(
    _ disk: any FileSystem, mayCreate: Bool = true, migrations: [Migration] = testMigrations, ballast: Int = 32 * 1024
) -> Store.Options {
    var options = Store.Options(
        folder: "/store", key: .file(keyPath), migrations: migrations, mayCreate: mayCreate, fileSystem: disk)
    options.ballast = ballast
    return options
}

extension Store {
    /// Adds `count` rows of one batch in one transaction.
    func add(batch: Int64, count: Int64 = 1, text: String = "note") async throws {
        try await write { connection in
            for _ in 0..<count {
                try connection.execute(
                    "INSERT INTO note (batch, text) VALUES (?, ?)", .integer(batch), .text("\(text) \(batch)"))
            }
        }
    }

    /// Rows by batch.
    func batches() async throws -> [Int64: Int64] {
        try await read { connection in
            var result: [Int64: Int64] = [:]
            try connection.forEach("SELECT batch, count(*) FROM note GROUP BY batch") { row throws(StoreError) in
                result[try row.integer(0)] = try row.integer(1)
                return .next
            }
            return result
        }
    }

    func texts() async throws -> [String] {
        try await read {
            try $0.query("SELECT text FROM note ORDER BY id") { row throws(StoreError) in try row.text(0) }
        }
    }
}

/// A disk with a store that was used: rows, several transactions, closed.
func usedDisk(batches: Int64 = 6, rows: Int64 = 3) async throws -> MemoryDisk {
    let disk = MemoryDisk()
    let store = try await Store.open(options(disk))
    for batch in 0..<batches { try await store.add(batch: batch, count: rows) }
    await store.close()
    return disk
}

/// Opens the store of a damaged disk and reads all of it.
func readAll(_ disk: MemoryDisk) async -> Result<(rows: [Int64: Int64], dropped: UInt64), StoreError> {
    do {
        let store = try await Store.open(options(disk, mayCreate: false))
        do {
            try await store.verify()
            let rows = try await store.batches()
            await store.close()
            return .success((rows, store.report.droppedFrames))
        } catch {
            await store.close()
            throw error
        }
    } catch let error as StoreError {
        return .failure(error)
    } catch {
        Issue.record("an error of another type: \(error)")
        return .failure(.closed)
    }
}
