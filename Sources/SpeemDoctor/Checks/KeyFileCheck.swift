import SpeemConfig

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

    /// What holds for the key that the configuration names.
    static func finding(_ config: Config) -> Finding {
        let wrapped = facts(config, path: wrappedPath(config))
        switch config.storeKey {
        case .file: return finding(facts(config, path: config.keyFile), isWrapped: wrapped.file != .missing)
        case .credential: return .ok(.keyFile, "systemd keeps the key, as the credential \(config.credential)")
        case .passphrase: return passphraseFinding(wrapped, keyFile: leftKeyFile(config))
        }
    }

    static func warning(_ config: Config) -> String? {
        switch config.storeKey {
        case .file:
            let note = note(facts(config, path: config.keyFile).place)
            return note.isEmpty ? nil : "the key is in a file" + note
        case .credential: return nil
        case .passphrase: return leftKeyFile(config).map(leftWords)
        }
    }

    private static func facts(_ config: Config, path: String) -> Facts {
        Facts.look(path, dataFolder: config.dataFolder, isNode: config.role == .node)
    }

    private static func wrappedPath(_ config: Config) -> String { config.dataFolder + "/store.wrapped" }

    /// The key file that the passphrase should have replaced.
    private static func leftKeyFile(_ config: Config) -> String? {
        facts(config, path: config.keyFile).file == .missing ? nil : config.keyFile
    }

    private static func leftWords(_ keyFile: String) -> String {
        "\(keyFile) is still there, and opens the store without the passphrase"
    }

    /// - Parameters:
    ///   - wrapped: of the file with the wrapped key.
    ///   - keyFile: one that is still there.
    static func passphraseFinding(_ wrapped: Facts, keyFile: String?) -> Finding {
        switch (wrapped.file, keyFile) {
        case (.missing, let keyFile?):
            return .problem(
                .keyFile, "the store has no passphrase yet: its key is in \(keyFile)", toDo: "run speem passphrase")
        case (.missing, nil) where wrapped.hasStore:
            return .problem(
                .keyFile, "\(wrapped.path) is missing: without it the store cannot be read",
                toDo: "put it back from where it went")
        case (.missing, nil):
            return .unknown(.keyFile, "there is no store yet, and no passphrase", toDo: "run speem passphrase")
        case (.failed(let obstacle), _):
            return .unknown(.keyFile, obstacle.words, toDo: "run this as the user that speem run belongs to")
        case (.regular, let keyFile?), (.other, let keyFile?):
            return .problem(.keyFile, leftWords(keyFile), toDo: "run speem passphrase once more, which removes it")
        case (.regular, nil): return .ok(.keyFile, "it is wrapped under a passphrase")
        case (.other, nil):
            return .problem(.keyFile, "\(wrapped.path) is not a regular file", toDo: "put the file itself there")
        }
    }

    /// - Parameter isWrapped: a wrapped key is there.
    static func finding(_ facts: Facts, isWrapped: Bool = false) -> Finding {
        let path = facts.path
        switch facts.file {
        case .missing where facts.hasStore && isWrapped:
            return .problem(
                .keyFile, "\(path) is missing: the store has a passphrase", toDo: "set key = \"passphrase\" in [store]")
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
        let remedy = "a thief of the disk can read both (speem passphrase, or key_file on another disk)"
        switch place {
        case .besideStore: return "; it lies beside the store: \(remedy)"
        case .sameDisk: return "; it lies on the store's disk: \(remedy)"
        case .elsewhere: return ""
        }
    }
}
