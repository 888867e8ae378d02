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
    static func run(_ migrations: [Migration], on connection: Connection) throws -> [Migration] {
        precondition(migrations.map(\.number) == Array(1..<(migrations.count + 1)), "migrations are numbered from 1")
        let version = Int(try connection.pragma("user_version") ?? "0") ?? 0
        guard version <= migrations.count else {
            throw StoreError.newerSchema(found: version, known: migrations.count)
        }
        let steps = Array(migrations[version...])
        guard !steps.isEmpty else { return [] }
        try connection.executeOnce("BEGIN IMMEDIATE")
        do {
            for step in steps { try step.apply(connection) }
            try connection.pragma("user_version=\(migrations.count)")
            try connection.executeOnce("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.executeOnce("ROLLBACK") }
            throw error
        }
        return steps
    }
}
