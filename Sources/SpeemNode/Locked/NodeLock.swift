import Logging
import SpeemCrypto
import SpeemStore

/// Waits for the store's key, and opens the store with the right one.
actor NodeLock {
    /// The store, with its key.
    struct Opened: Sendable {
        let store: Store
        let key: StoreKey
    }

    enum Refusal: Error, Equatable, CustomStringConvertible {
        case wrongKey
        /// Come back after so many seconds.
        case tooMany(seconds: Int64)
        /// Somebody else is faster.
        case opening
        /// The key is right, and the store does not open.
        case store(String)

        var description: String {
            switch self {
            case .wrongKey: "this is not the key of the node's store"
            case .tooMany(let seconds): "too many wrong keys: try again in \(seconds) s"
            case .opening: "the node is being unlocked already"
            case .store(let words): words
            }
        }
    }

    private let sealPublicKey: X25519.PublicKey
    private let path: String
    private let clock: any ClockSource
    private let logger: Logger
    private let openStore: @Sendable (StoreKey) async throws -> Store
    private var attempts = UnlockAttempts()
    private var isOpening = false
    /// Yields the open store, once.
    nonisolated let opened: AsyncStream<Opened>
    private let open: AsyncStream<Opened>.Continuation

    /// - Parameters:
    ///   - sealPublicKey: what belongs to the right key.
    ///   - path: where the wrapped key is, for errors.
    init(
        sealPublicKey: X25519.PublicKey, path: String, clock: any ClockSource, logger: Logger,
        openStore: @escaping @Sendable (StoreKey) async throws -> Store
    ) {
        self.sealPublicKey = sealPublicKey
        self.path = path
        self.clock = clock
        self.logger = logger
        self.openStore = openStore
        (opened, open) = AsyncStream.makeStream(of: Opened.self, bufferingPolicy: .bufferingOldest(1))
    }

    /// Wrong keys of this start.
    var misses: Int { attempts.total }

    /// Opens the store; a wrong key changes nothing.
    ///
    /// - Parameter key: 32 bytes.
    func open(with key: SecretBytes) async throws(Refusal) {
        let wait = attempts.wait(at: clock.monotonic())
        guard wait == 0 else { throw .tooMany(seconds: wait) }
        guard !isOpening else { throw .opening }
        guard key.count == StoreKey.length else { throw .wrongKey }
        let key = StoreKey(secret: key, path: path)
        // Before the store is touched. Public keys: how long it takes tells nothing.
        guard key.sealKeyPair.publicKey == sealPublicKey else {
            attempts.missed(at: clock.monotonic())
            logger.warning("a wrong key was tried to unlock the node", metadata: ["tries": "\(attempts.total)"])
            throw .wrongKey
        }
        isOpening = true
        do {
            let store = try await openStore(key)
            open.yield(Opened(store: store, key: key))
            open.finish()
        } catch {
            isOpening = false
            logger.error("the store cannot be opened: \(error)")
            throw .store("\(error)")
        }
    }
}
