import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

struct ConnectionTests {
    private let migrations = [
        Migration(number: 1, name: "all types") { connection in
            try connection.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, n INTEGER, t TEXT, b BLOB) STRICT")
        }
    ]

    @Test func valuesComeBackAsTheyWere() async throws {
        let store = try await Store.open(options(MemoryDisk(), migrations: migrations))
        let secret = SystemRandomSource().secret(32)
        try await store.write { connection in
            let sql = "INSERT INTO thing (n, t, b) VALUES (?, ?, ?)"
            try connection.execute(sql, .integer(.min), .text(""), .blob([]))
            try connection.execute(sql, .integer(.max), .text("a\u{0}b ünïcödé 🦊"), .blob([0, 255, 0]))
            try connection.execute(sql, .null, .null, .null)
            try connection.execute(sql, .flag(true), .text("x"), .secret(secret))
            #expect(connection.changes == 1)
            #expect(connection.lastInsertRowID == 4)
        }
        try await store.read { connection in
            let integers = try connection.query("SELECT n FROM thing ORDER BY id") { row throws(StoreError) in
                try row.optionalInteger(0)
            }
            #expect(integers == [.min, .max, nil, 1])
            let texts = try connection.query("SELECT t FROM thing ORDER BY id") { row throws(StoreError) in
                try row.optionalText(0)
            }
            #expect(texts == ["", "a\u{0}b ünïcödé 🦊", nil, "x"])
            let blobs = try connection.query("SELECT b FROM thing ORDER BY id") { row throws(StoreError) in
                try row.optionalBlob(0)
            }
            #expect(blobs == [[], [0, 255, 0], nil, secret.exposedCopy()])
            let again = try connection.first("SELECT b FROM thing WHERE id = 4") { row throws(StoreError) in
                try row.secret(0)
            }
            #expect(again == secret)
            #expect(
                try connection.first("SELECT n FROM thing WHERE id = 9") { row throws(StoreError) in
                    try row.integer(0)
                } == nil)
        }
        await store.close()
    }

    @Test func anotherTypeIsAnErrorAndNoConversion() async throws {
        let store = try await Store.open(options(MemoryDisk(), migrations: migrations))
        try await store.write { try $0.execute("INSERT INTO thing (n, t, b) VALUES (1, '2', x'33')") }
        await #expect(throws: StoreError.unexpectedType(column: 0)) {
            try await store.read { connection in
                _ = try connection.first("SELECT t FROM thing") { row throws(StoreError) in try row.integer(0) }
            }
        }
        await #expect(throws: StoreError.unexpectedType(column: 1)) {
            try await store.read { connection in
                _ = try connection.first("SELECT n, b FROM thing") { row throws(StoreError) in try row.text(1) }
            }
        }
        await #expect(throws: StoreError.unexpectedType(column: 0)) {
            try await store.read { connection in
                _ = try connection.first("SELECT NULL") { row throws(StoreError) in try row.blob(0) }
            }
        }
        await store.close()
    }

    @Test func mistakesAreErrorsWithWords() async throws {
        let store = try await Store.open(options(MemoryDisk(), migrations: migrations))
        for sql in ["SELEC 1", "SELECT * FROM nothing", "INSERT INTO thing (n) VALUES ('text')"] {
            let error = await #expect(throws: StoreError.self) { try await store.write { try $0.execute(sql) } }
            guard case .sqlite(_, let message) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(!message.isEmpty)
        }
        // And the store is none the worse.
        try await store.write { try $0.execute("INSERT INTO thing (n) VALUES (5)") }
        await store.close()
    }

    @Test func statementsAreUsedAgain() async throws {
        let store = try await Store.open(options(MemoryDisk(), migrations: migrations))
        try await store.write { connection in
            for number in 0..<2000 {
                try connection.execute("INSERT INTO thing (n) VALUES (?)", .integer(Int64(number)))
            }
        }
        let nested = try await store.read { connection in
            try connection.query("SELECT n FROM thing WHERE n < 5 ORDER BY n") { row throws(StoreError) in
                let outer = try row.integer(0)
                return try connection.first("SELECT count(*) FROM thing WHERE n < ?", .integer(outer)) {
                    row throws(StoreError) in try row.integer(0)
                }
            }
        }
        #expect(nested == [0, 1, 2, 3, 4])
        let some = try await store.read { connection in
            var seen = 0
            try connection.forEach("SELECT n FROM thing ORDER BY n") { _ throws(StoreError) in
                seen += 1
                return seen == 10 ? .stop : .next
            }
            return seen
        }
        #expect(some == 10)
        await store.close()
    }
}
