import SpeemConfig
import SpeemStore
import Synchronization

/// The key of the store, from where the configuration says.
enum StoreAccess {
    /// For a store that may be made now: one with a passphrase is asked for its first one.
    static func firstKey(_ config: Config) throws -> KeySource {
        if config.storeKey == .passphrase, try WrappedKey.load(folder: config.dataFolder) == nil {
            let change = try KeyChange(folder: config.dataFolder)
            _ = try change.setPassphrase(
                try PassphraseInput.new(file: PassphraseInput.file.withLock { $0 }), keyFile: config.keyFile)
        }
        return try key(config)
    }

    /// For a store that was made before.
    static func key(_ config: Config) throws -> KeySource {
        switch config.storeKey {
        case .file: return .file(config.keyFile)
        case .credential: return .key(try credential(config))
        case .passphrase:
            return .key(try wrapped(config).unwrap(PassphraseInput.current(), path: path(config)))
        }
    }

    /// The wrapped key of a store that has a passphrase.
    static func wrapped(_ config: Config) throws -> WrappedKey {
        if let wrapped = try WrappedKey.load(folder: config.dataFolder) { return wrapped }
        let disk = PosixFileSystem()
        guard try disk.exists(config.keyFile) || disk.exists(config.dataFolder + "/store.db") else {
            throw StoreError.missing(path: path(config), reason: StoreError.neverMade)
        }
        throw Failure(
            "\(path(config)) is missing: the store has no passphrase yet",
            hint: "speem passphrase sets it, if the key file is at \(config.keyFile)")
    }

    private static func path(_ config: Config) -> String { WrappedKey.path(folder: config.dataFolder) }

    private static func credential(_ config: Config) throws -> StoreKey {
        let name = config.credential
        guard let folder = Environment.value("CREDENTIALS_DIRECTORY") else {
            throw Failure(
                "there is no credential \(name): CREDENTIALS_DIRECTORY is not set",
                hint: "systemd sets it for a service with LoadCredentialEncrypted=\(name)")
        }
        return try StoreKey.loadCredential(folder + "/" + name)
    }
}
