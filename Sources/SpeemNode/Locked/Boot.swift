import Logging
import NIOCore
import SpeemConfig
import SpeemCrypto
import SpeemSpool
import SpeemStore
import SpeemTransport

/// What a node's start depends on beside its store: whether it was locked before, and will be at the next one.
struct Boot: Sendable {
    private let config: Config
    private let source: KeySource
    private let fileSystem: any FileSystem
    /// Where it listens.
    var listen: [HostPort]
    /// Counters that were seen while it was locked, by initiator keys.
    var counters: [[UInt8]: UInt64] = [:]

    init(_ config: Config, key: KeySource, fileSystem: any FileSystem) {
        self.config = config
        source = key
        self.fileSystem = fileSystem
        listen = config.listen
    }

    /// What the next start needs when it is a locked one. With another key what is there goes.
    func machine() throws -> NodeState.Machine? {
        let file = MachineFile(folder: config.dataFolder, fileSystem: fileSystem)
        switch config.storeKey {
        case .file, .credential:
            try file.remove()
            return nil
        case .passphrase:
            return NodeState.Machine(file: file, sealPublicKey: try sealKey().publicKey)
        }
    }

    /// Brings what was taken in while it was locked into the mailboxes, as far as there is room, and makes the machine
    /// file say what the store says.
    func spool(of state: NodeState) async throws -> SpoolReplay {
        let folder = SpoolFolder(NodeState.spoolFolder(config.dataFolder), fileSystem: fileSystem)
        let replay = SpoolReplay(state: state, folder: folder, key: sealKey)
        do {
            _ = try await replay.run()
            // The store wins: a crash may have come between its commit and the file.
            try await state.settleMachine(counters: true)
        } catch StoreError.diskFull(let path) {
            // The owner's devices must be let in to make room; it is tried again.
            state.logger.error(
                "no space is left for \(path): what came while the node was locked may wait in \(folder.path)")
        }
        return replay
    }

    @Sendable private func sealKey() throws -> X25519.PrivateKey {
        switch source {
        case .key(let key): return key.sealKeyPair
        case .file(let path):
            guard let key = try StoreKey.load(path, fileSystem: fileSystem) else {
                throw StoreError.missing(path: path, reason: "without it the spool cannot be read")
            }
            return key.sealKeyPair
        }
    }
}
