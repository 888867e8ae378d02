import SpeemStore
import Testing

@testable import SpeemMailbox

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// That no statement becomes slower with what is stored, asked of SQLite itself and of the statements as they are.
struct QueryPlanTests {
    /// The SQL of a source file: what its string literals hold, by the first word.
    private static func statements(of file: String) throws -> [String] {
        let source = try String(decoding: read("Sources/SpeemMailbox/\(file)"), as: UTF8.self)
        var statements: [String] = []
        var rest = source[...]
        while let quote = rest.firstIndex(of: "\"") {
            let delimiter = rest[quote...].hasPrefix("\"\"\"") ? "\"\"\"" : "\""
            let start = rest.index(quote, offsetBy: delimiter.count)
            guard let end = rest[start...].firstRange(of: delimiter) else { break }
            let text = rest[start..<end.lowerBound].split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].contains(where: { text.hasPrefix($0) }) {
                statements.append(text)
            }
            rest = rest[end.upperBound...]
        }
        return statements
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let file = try #require(fopen("\(root)/\(path)", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return [UInt8](bytes[..<count])
    }

    @Test(arguments: ["Mailboxes.swift", "Mailboxes+Reading.swift", "Mailboxes+Usage.swift", "Mailboxes+Expiry.swift"])
    func noStatementScansATable(file: String) async throws {
        let statements = try Self.statements(of: file)
        #expect(statements.count >= 4)
        try await withBench { (bench) throws in
            // One row for each mailbox, party or start without a clock: status and clean-up may walk them.
            let short = ["SCAN mailbox", "SCAN usage", "SCAN synchronisation"]
            let mayWalk = file == "Mailboxes+Usage.swift" || file == "Mailboxes+Expiry.swift"
            for sql in statements {
                let plan = try bench.connection.query("EXPLAIN QUERY PLAN " + sql) { row throws(StoreError) in
                    try row.text(3)
                }
                for step in plan {
                    if mayWalk, short.contains(step) { continue }
                    #expect(!step.hasPrefix("SCAN"), "\(sql): \(plan)")
                    #expect(!step.contains("TEMP B-TREE"), "\(sql): \(plan)")
                    #expect(!step.contains("AUTOMATIC"), "\(sql): \(plan)")
                }
            }
        }
    }

    @Test func theExpectedIndexesServe() async throws {
        try await withBench { (bench) throws in
            for (start, index) in [
                ("SELECT sequence, length", "USING INDEX envelope_mailbox (mailbox=? AND rowid>?)"),
                ("SELECT sequence FROM envelope INDEXED BY envelope_age", "USING COVERING INDEX envelope_age"),
                (
                    "SELECT sequence FROM envelope INDEXED BY envelope_undated",
                    "USING COVERING INDEX envelope_undated (made_wall=?)"
                ),
                ("SELECT content FROM deposit", "USING PRIMARY KEY (party=? AND key=?)"),
                ("DELETE FROM deposit WHERE party = ?1", "USING INDEX deposit_tombstone (party=?"),
            ] {
                let files = ["Mailboxes.swift", "Mailboxes+Reading.swift", "Mailboxes+Expiry.swift"]
                let statements = try files.flatMap { try Self.statements(of: $0) }.filter { $0.hasPrefix(start) }
                #expect(!statements.isEmpty, "\(start)")
                for sql in statements {
                    let plan = try bench.connection.query("EXPLAIN QUERY PLAN " + sql) { row throws(StoreError) in
                        try row.text(3)
                    }
                    #expect(plan.contains { $0.contains(index) }, "\(sql): \(plan)")
                }
            }
        }
    }

    /// The rows that a deposit, a drain and an acknowledgement change do not depend on what is there.
    @Test func aDepositChangesAsManyRowsHoweverManyThereAre() async throws {
        try await withBench(quota: Quota(total: .max, perContact: .max, own: 0)) { (bench) throws in
            func changes(_ body: () throws -> Void) throws -> Int64 {
                let before = try bench.integer("SELECT total_changes()")
                try body()
                return try bench.integer("SELECT total_changes()") - before
            }
            var costs: Set<Int64> = []
            for number in 0..<2000 {
                costs.insert(try changes { _ = try bench.deposit(envelope(number, body: 0)) })
                if number % 2 == 0 {
                    costs.insert(1000 + (try changes { try bench.acknowledge([Int64(number + 1)]) }))
                }
            }
            #expect(costs.count == 2, "\(costs)")
        }
    }

    /// The first synchronisation and a removal write a row, not everything that waits.
    @Test func aSynchronisationWritesOneRow() async throws {
        try await withBench { (bench) throws in
            bench.clock.wall = nil
            for number in 0..<500 { _ = try bench.deposit(envelope(number, body: 100)) }
            bench.clock.wall = start.wall
            let before = try bench.integer("SELECT total_changes()")
            try bench.expire()
            #expect(try bench.integer("SELECT total_changes()") - before == 1)
            try bench.expire()
            #expect(try bench.integer("SELECT total_changes()") - before == 1)
            #expect(try bench.count("synchronisation") == 1)
            // The row goes with the last envelope that it dates.
            try bench.acknowledge((1...500).map { $0 })
            try bench.expire()
            #expect(try bench.count("synchronisation") == 0)
        }
    }
}
