/// One step of a store's schema. Steps are numbered from 1 without gaps and never change once released.
public struct Migration: Sendable {
    public let number: Int
    /// For the log.
    public let name: String
    private let work: Work

    private enum Work: Sendable {
        case whole(@Sendable (Connection) throws -> Void)
        case pieces(@Sendable (Connection) throws -> Bool)
    }

    /// A step in one transaction: for what costs the same however much is in the store, such as new tables. All pages that a
    /// transaction changes are in memory until its end, and then in the log.
    public init(number: Int, name: String, apply: @escaping @Sendable (Connection) throws -> Void) {
        self.init(number: number, name: name, work: .whole(apply))
    }

    private init(number: Int, name: String, work: Work) {
        self.number = number
        self.name = name
        self.work = work
    }

    /// A step that goes through rows, so many in each transaction: `piece` does some of what is left to do, which it finds
    /// by itself, and returns whether there is more. After a crash it goes on where it was. Nothing else uses the store
    /// before the last piece.
    public static func inPieces(
        number: Int, name: String, piece: @escaping @Sendable (Connection) throws -> Bool
    ) -> Migration { Migration(number: number, name: name, work: .pieces(piece)) }

    /// Brings the store up to date; returns the steps taken.
    ///
    /// A new store gets all steps in one transaction. For another each step has its own, or one for each piece, and between
    /// them the log is taken over, so that neither memory nor log grows with the store.
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
        let found = try check(migrations, on: connection, folder: folder)
        let done = found < 0 ? -found - 1 : found
        let steps = Array(migrations[done...])
        guard !steps.isEmpty else { return [] }
        if found == 0 {
            try transaction(on: connection) {
                for step in steps { while try step.advance(connection) {} }
                try firstCommit?(connection)
                return migrations.count
            }
            return steps
        }
        for step in steps {
            var hasMore = true
            while hasMore {
                try transaction(on: connection) {
                    hasMore = try step.advance(connection)
                    return hasMore ? -step.number : step.number
                }
                if connection.logFrames >= StoreEngine.checkpointFrames { try connection.checkpoint() }
            }
        }
        return steps
    }

    /// Does some of it; returns whether there is more.
    private func advance(_ connection: Connection) throws -> Bool {
        switch work {
        case .whole(let apply):
            try apply(connection)
            return false
        case .pieces(let piece): return try piece(connection)
        }
    }

    /// - Parameter body: returns the schema's version from then on.
    private static func transaction(on connection: Connection, _ body: () throws -> Int) throws {
        try connection.executeOnce("BEGIN IMMEDIATE")
        do {
            let version = try body()
            try connection.executeOnce("UPDATE store SET commits = commits + 1")
            try connection.pragma("user_version=\(version)")
            try connection.executeOnce("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.executeOnce("ROLLBACK") }
            throw error
        }
    }

    /// Refuses a store that a newer program made; writes nothing.
    ///
    /// - Returns: the store's version; negative in the middle of that step. A program that does not know the step keeps
    ///   away, too.
    @discardableResult
    static func check(
        _ migrations: [Migration], on connection: Connection, folder: String
    ) throws(StoreError) -> Int {
        let version = try connection.userVersion()
        guard version.magnitude <= UInt(migrations.count) else {
            throw .newerSchema(folder: folder, found: Int(clamping: version.magnitude), known: migrations.count)
        }
        return version
    }
}

extension Connection {
    /// The schema's version; 0 before the first transaction, and negative in the middle of a step.
    func userVersion() throws(StoreError) -> Int { Int(try pragma("user_version") ?? "0") ?? 0 }
}
