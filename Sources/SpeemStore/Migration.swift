/// One step of a store's schema. Steps are numbered from 1 without gaps and never change once released.
public struct Migration: Sendable {
    public let number: Int
    /// For the log.
    public let name: String
    let apply: @Sendable (Connection) throws -> Void

    public init(number: Int, name: String, apply: @escaping @Sendable (Connection) throws -> Void) {
        self.number = number
        self.name = name
        self.apply = apply
    }

    /// Brings the store up to date in one transaction; returns the steps taken.
    ///
    /// - Parameters:
    ///   - folder: for the error of a store that is too new.
    ///   - firstCommit: of a new store, what belongs into its first transaction besides.
    static func run(
        _ migrations: [Migration], on connection: Connection, folder: String,
        firstCommit: ((Connection) throws -> Void)? = nil
    ) throws -> [Migration] {
        precondition(
            !migrations.isEmpty && migrations.map(\.number) == Array(1...migrations.count),
            "migrations are numbered from 1")
        let version = try check(migrations, on: connection, folder: folder)
        let steps = Array(migrations[version...])
        guard !steps.isEmpty else { return [] }
        try connection.executeOnce("BEGIN IMMEDIATE")
        do {
            for step in steps { try step.apply(connection) }
            try firstCommit?(connection)
            try connection.executeOnce("UPDATE store SET commits = commits + 1")
            try connection.pragma("user_version=\(migrations.count)")
            try connection.executeOnce("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.executeOnce("ROLLBACK") }
            throw error
        }
        return steps
    }

    /// Refuses a store that a newer program made; writes nothing. Returns the store's version.
    @discardableResult
    static func check(
        _ migrations: [Migration], on connection: Connection, folder: String
    ) throws(StoreError) -> Int {
        let version = try connection.userVersion()
        guard (0...migrations.count).contains(version) else {
            throw .newerSchema(folder: folder, found: version, known: migrations.count)
        }
        return version
    }
}

extension Connection {
    /// The schema's version; 0 before the first transaction.
    func userVersion() throws(StoreError) -> Int { Int(try pragma("user_version") ?? "0") ?? 0 }
}
