/// Whether there is space left where the data is.
enum DiskCheck {
    struct Facts: Sendable, Equatable {
        let folder: String
        /// Bytes that this user may still write.
        let free: UInt64
        let total: UInt64
        /// Bytes that the data folder has; nil: it cannot be read.
        let store: UInt64?
    }

    /// Below this, or a twentieth of the disk, it is a problem.
    static let least: UInt64 = 100_000_000

    /// - Parameter refuses: the node that runs says that it has no room for more.
    static func finding(_ facts: Result<Facts, Obstacle>, refuses: Bool = false) -> Finding {
        switch facts {
        case .success(let facts): finding(facts, refuses: refuses)
        case .failure(let obstacle):
            .unknown(.disk, obstacle.words, toDo: "see that the disk of the data folder is mounted, and readable")
        }
    }

    private static func finding(_ facts: Facts, refuses: Bool) -> Finding {
        let store = facts.store.map { "the store takes \(Bytes.text($0))" } ?? "what the store takes cannot be seen"
        let words = "\(Bytes.text(facts.free)) of \(Bytes.text(facts.total)) are free; \(store)"
        if refuses {
            return .problem(
                .disk, "\(words); the node takes in nothing more",
                toDo: "free some space on the disk of \(facts.folder): the node then goes on by itself")
        }
        guard facts.free < least || facts.free < facts.total / 20 else { return .ok(.disk, words) }
        return .problem(
            .disk, words, toDo: "free some space on the disk of \(facts.folder): on a full one nothing more is taken")
    }
}
