import Synchronization
import Testing

@testable import SpeemStore

struct MigrationTests {
    private struct Mine: Error {}

    private func step(_ number: Int, _ sql: String) -> Migration {
        Migration(number: number, name: "step \(number)") { try $0.execute(sql) }
    }

    @Test func inOrderAndOnlyTheNewOnes() async throws {
        let disk = MemoryDisk()
        let one = step(1, "CREATE TABLE a (x INTEGER) STRICT")
        let two = step(2, "INSERT INTO a VALUES (2)")
        let three = step(3, "UPDATE a SET x = x * 10")
        let first = try await Store.open(options(disk, migrations: [one]))
        #expect(first.report.migrations == ["step 1"])
        await first.close()
        let second = try await Store.open(options(disk, migrations: [one, two, three]))
        #expect(second.report.migrations == ["step 2", "step 3"])
        let value = try await second.read {
            try $0.first("SELECT x FROM a") { row throws(StoreError) in try row.integer(0) }
        }
        #expect(value == 20)
        await second.close()
        let third = try await Store.open(options(disk, migrations: [one, two, three]))
        #expect(third.report.migrations.isEmpty)
        await third.close()
    }

    @Test func oneThatFailsLeavesNothingOfAny() async throws {
        let disk = MemoryDisk()
        let one = step(1, "CREATE TABLE a (x INTEGER) STRICT")
        let two = step(2, "INSERT INTO a VALUES (1)")
        let three = Migration(number: 3, name: "fails") { _ in throw Mine() }
        await #expect(throws: Mine.self) { _ = try await Store.open(options(disk, migrations: [one, two, three])) }
        let store = try await Store.open(options(disk, migrations: [one]))
        #expect(store.report.migrations == ["step 1"])
        await store.close()
    }

    @Test func aNewerStoreIsRefused() async throws {
        let disk = MemoryDisk()
        let one = step(1, "CREATE TABLE a (x INTEGER) STRICT")
        let two = step(2, "INSERT INTO a VALUES (1)")
        let store = try await Store.open(options(disk, migrations: [one, two]))
        await store.close()
        await #expect(throws: StoreError.newerSchema(found: 2, known: 1)) {
            _ = try await Store.open(options(disk, migrations: [one]))
        }
    }

    // MARK: In pieces

    private static let rowsInPiece: Int64 = 20
    private let before = Migration(number: 1, name: "letters") { connection in
        try connection.execute(
            "CREATE TABLE letter (id INTEGER PRIMARY KEY, text TEXT NOT NULL, upper TEXT) STRICT")
    }

    /// Rewrites all rows.
    private func rewriting(_ ran: @escaping @Sendable () throws -> Void = {}) -> Migration {
        Migration.inPieces(number: 2, name: "capitals") { connection in
            try ran()
            try connection.execute(
                """
                UPDATE letter SET upper = upper(text) WHERE id IN
                    (SELECT id FROM letter WHERE upper IS NULL ORDER BY id LIMIT ?)
                """, .integer(Self.rowsInPiece))
            return connection.changes > 0
        }
    }

    private func filled(rows: Int64, length: Int = 3000) async throws -> MemoryDisk {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk, migrations: [before]))
        for first in stride(from: 0, to: rows, by: 50) {
            try await store.write {
                for row in first..<min(first + 50, rows) {
                    try $0.execute(
                        "INSERT INTO letter (text) VALUES (?)", .text(String(repeating: "x", count: length) + "\(row)"))
                }
            }
        }
        await store.close()
        return disk
    }

    private func finished(_ store: Store) async throws -> Int64 {
        try await store.read {
            try $0.first("SELECT count(*) FROM letter WHERE upper = upper(text)") { row throws(StoreError) in
                try row.integer(0)
            }
        } ?? 0
    }

    /// More than 3,000 pages are written anew, and the log is as large as after any other work.
    @Test func theLogDoesNotGrowWithTheStore() async throws {
        let disk = try await filled(rows: 1500)
        let log = try #require(disk[walPath]?.count)
        let store = try await Store.open(options(disk, migrations: [before, rewriting()]))
        #expect(store.report.migrations == ["capitals"])
        #expect(try await finished(store) == 1500)
        #expect(try #require(disk[walPath]?.count) <= log + StoreLayout.framesPerChunk * StoreLayout.sealedFrame)
        try await store.verify()
        await store.close()
        let again = try await Store.open(
            options(disk, migrations: [before, rewriting { Issue.record("done before") }]))
        #expect(again.report.migrations.isEmpty)
        await again.close()
    }

    /// The power goes before each operation in turn: what was done stays, the rest follows.
    @Test func itGoesOnAfterAPowerCut() async throws {
        var whole = 0
        var interrupted = 0
        var fails = 1
        while whole == 0 {
            let disk = try await filled(rows: 90, length: 300)
            disk.state.withLock { $0.failAt = $0.operations + fails }
            if let store = try? await Store.open(options(disk, migrations: [before, rewriting()])) {
                await store.close()
                whole += 1
            }
            let after = disk.afterPowerCut(seed: UInt64(fails))
            let pieces = Mutex(0)
            let store = try await Store.open(
                options(after, migrations: [before, rewriting { pieces.withLock { $0 += 1 } }]))
            #expect(try await finished(store) == 90)
            if (1..<5).contains(pieces.withLock { $0 }) { interrupted += 1 }
            await store.close()
            fails += 7
        }
        #expect(interrupted > 0, "no attempt ended between two pieces")
    }

    @Test func inTheMiddleOnlyWhoKnowsTheStepGoesOn() async throws {
        let disk = try await filled(rows: 90, length: 300)
        let ran = Mutex(0)
        let failing = rewriting {
            if ran.withLock({
                $0 += 1
                return $0 == 3
            }) {
                throw Mine()
            }
        }
        await #expect(throws: Mine.self) { _ = try await Store.open(options(disk, migrations: [before, failing])) }
        await #expect(throws: StoreError.newerSchema(found: 2, known: 1)) {
            _ = try await Store.open(options(disk, migrations: [before]))
        }
        let store = try await Store.open(options(disk, migrations: [before, rewriting()]))
        #expect(try await finished(store) == 90)
        await store.close()
    }

    @Test func aNewStoreTakesThePiecesAtOnce() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk, migrations: [before, rewriting()]))
        #expect(store.report.migrations == ["letters", "capitals"])
        #expect(try await store.read { try $0.commitNumber() } == 1)
        await store.close()
    }
}
