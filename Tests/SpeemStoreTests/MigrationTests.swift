import StoreTestTools
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

    /// A store whose newest version is in the log only, as a program leaves it that was killed after an update.
    private func storeOfANewerProgram(_ known: [Migration]) async throws -> MemoryDisk {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk, migrations: known))
        await store.close()
        let newer = try await Store.open(
            options(disk, migrations: known + [step(known.count + 1, "CREATE TABLE b (x INTEGER) STRICT")]))
        try await newer.write { try $0.execute("INSERT INTO b VALUES (1)") }
        await newer.close()
        return disk
    }

    @Test(arguments: [true, false])
    func aNewerStoreIsRefusedAndNotAByteOfItChanged(mayCreate: Bool) async throws {
        let known = [step(1, "CREATE TABLE a (x INTEGER) STRICT")]
        let disk = try await storeOfANewerProgram(known)
        let before = disk.contents
        #expect(before[walPath] != nil)
        // Every time: the refusal leaves nothing behind that would let the next one through.
        for _ in 0..<2 {
            await #expect(throws: StoreError.newerSchema(folder: "/store", found: 2, known: 1)) {
                _ = try await Store.open(options(disk, mayCreate: mayCreate, migrations: known))
            }
            #expect(disk.contents == before)
        }
    }

    @Test func theNewerProgramFindsEverythingAfterTheRefusal() async throws {
        let known = [step(1, "CREATE TABLE a (x INTEGER) STRICT")]
        let disk = try await storeOfANewerProgram(known)
        _ = try? await Store.open(options(disk, migrations: known))
        let newer = try await Store.open(
            options(disk, migrations: known + [step(2, "CREATE TABLE b (x INTEGER) STRICT")]))
        #expect(newer.report.migrations.isEmpty)
        let value = try await newer.read {
            try $0.first("SELECT x FROM b") { row throws(StoreError) in try row.integer(0) }
        }
        #expect(value == 1)
        await newer.close()
    }

    @Test func aVersionThatNoProgramMakesIsRefused() async throws {
        let disk = try await usedDisk()
        let store = try await Store.open(options(disk))
        try await store.write { try $0.pragma("user_version=-3") }
        await store.close()
        await #expect(throws: StoreError.newerSchema(folder: "/store", found: 3, known: 1)) {
            _ = try await Store.open(options(disk))
        }
    }

    @Test func theErrorSaysWhatAndWhere() {
        let error = StoreError.newerSchema(folder: "/var/lib/speem", found: 3, known: 2)
        #expect(
            "\(error)"
                == "a newer speem has used the store in /var/lib/speem: it has version 3, and this program knows none after 2"
        )
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
        await #expect(throws: StoreError.newerSchema(folder: "/store", found: 2, known: 1)) {
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
