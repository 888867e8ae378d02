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
        try await store.write { try $0.pragma("user_version=-1") }
        await store.close()
        await #expect(throws: StoreError.newerSchema(folder: "/store", found: -1, known: 1)) {
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
}
