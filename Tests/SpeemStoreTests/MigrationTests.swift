import StoreTestTools
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
}
