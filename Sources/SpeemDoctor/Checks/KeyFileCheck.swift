/// Whether the store's key is there and nobody else's to read.
enum KeyFileCheck {
    struct Facts: Sendable, Equatable {
        enum File: Sendable, Equatable {
            case missing
            /// Permission bits.
            case regular(mode: UInt32, isOwn: Bool)
            /// A link, a folder or the like.
            case other
            case failed(Obstacle)
        }

        enum Place: Sendable, Equatable { case besideStore, sameDisk, elsewhere }

        let path: String
        let file: File
        let place: Place
        /// There is a store that needs it.
        let hasStore: Bool
        let isNode: Bool
    }

    static func finding(_ facts: Facts) -> Finding {
        let path = facts.path
        switch facts.file {
        case .missing where facts.hasStore:
            return .problem(
                .keyFile, "\(path) is missing: without it the store cannot be read",
                toDo: "put it back from where it went")
        case .missing:
            return .unknown(
                .keyFile, "there is no store yet, and no key", toDo: facts.isNode ? "run speem run" : "run speem init")
        case .failed(let obstacle):
            return .unknown(.keyFile, obstacle.words, toDo: "run this as the user that speem run belongs to")
        case .other:
            return .problem(.keyFile, "\(path) is not a regular file", toDo: "put the file itself there")
        case .regular(_, isOwn: false):
            return .problem(
                .keyFile, "\(path) belongs to another user", toDo: "chown it to the user that runs speem run")
        case .regular(let mode, isOwn: true) where mode & 0o077 != 0:
            return .problem(
                .keyFile, "others may use \(path) (mode 0\(String(mode, radix: 8)))", toDo: "chmod 600 \(path)")
        case .regular: return .ok(.keyFile, "only its owner may read it" + note(facts.place))
        }
    }

    private static func note(_ place: Facts.Place) -> String {
        let remedy = "a thief of the disk can read both ([store] key_file)"
        switch place {
        case .besideStore: return "; it lies beside the store: \(remedy)"
        case .sameDisk: return "; it lies on the store's disk: \(remedy)"
        case .elsewhere: return ""
        }
    }
}
