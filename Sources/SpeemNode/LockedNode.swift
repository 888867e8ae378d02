public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
public import SpeemConfig
import SpeemCrypto
import SpeemProtocol
public import SpeemStore
import SpeemTransport
import Synchronization

/// A node whose store has a passphrase: waits for the store's key on the control socket, and then runs as any other.
///
/// The key comes there, and never the passphrase: whoever unlocks the node unwraps the key where the passphrase is typed.
public final class LockedNode: Service {
    private let config: Config
    private let wrapped: WrappedKey
    private let logger: Logger
    private let announce: @Sendable (NodeService.Announcement) -> Void
    private let node = Mutex<NodeService?>(nil)

    /// - Parameters:
    ///   - wrapped: the key of the store in the configuration's data folder.
    ///   - announce: called once the node runs.
    public init(
        _ config: Config, wrapped: WrappedKey, logger: Logger,
        announce: @escaping @Sendable (NodeService.Announcement) -> Void
    ) {
        self.config = config
        self.wrapped = wrapped
        self.logger = logger
        self.announce = announce
    }

    /// Whether it waits for the key, or the node's store answers.
    public func isAlive() async -> Bool {
        guard let node = node.withLock({ $0 }) else { return true }
        return await node.isAlive()
    }

    /// Waits until it is unlocked, and serves until a graceful shutdown.
    ///
    /// - Throws: what ``NodeService`` throws.
    public func run() async throws {
        guard let key = try await waitForKey() else { return }
        logger.notice("unlocked")
        let service = try await NodeService.start(config, key: .key(key), logger: logger)
        node.withLock { $0 = service }
        announce(service.announcement)
        try await service.run()
    }

    /// - Returns: nil when it is told to stop before.
    private func waitForKey() async throws -> StoreKey? {
        let lock = try Store.lock(folder: config.dataFolder)
        defer { withExtendedLifetime(lock) {} }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (keys, given) = AsyncStream.makeStream(of: StoreKey.self, bufferingPolicy: .bufferingOldest(1))
        do {
            let control = try await ControlServer.bind(
                path: config.controlSocket,
                handler: LockedControl(
                    wrapped: wrapped, path: WrappedKey.path(folder: config.dataFolder), unlock: { given.yield($0) }),
                group: group, logger: logger)
            logger.notice("the node is locked: speem unlock opens it")
            let key = await cancelWhenGracefulShutdown { await Self.first(of: keys, while: control) }
            try await group.shutdownGracefully()
            return key
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func first(of keys: AsyncStream<StoreKey>, while control: ControlServer) async -> StoreKey? {
        await withTaskGroup(of: StoreKey?.self) { group in
            group.addTask {
                await control.run()
                return nil
            }
            group.addTask {
                for await key in keys { return key }
                return nil
            }
            let key = await group.next() ?? nil
            group.cancelAll()
            return key
        }
    }
}

/// The methods of a locked node on the control socket.
struct LockedControl: ControlHandler {
    let wrapped: WrappedKey
    /// Of the wrapped key.
    let path: String
    let unlock: @Sendable (StoreKey) -> Void

    /// The notification that says, before the socket closes for the node's own, that the key is the right one.
    static let unlocked = "unlocked"
    /// Of a node that is not locked, too: then any key does.
    static let answer = JSON.object(["locked": .bool(false)])

    func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON {
        switch method {
        case "status":
            return .object([
                "role": .string("node"), "version": .string(SpeemVersion.text),
                "key": .string(Config.StoreKeyKind.passphrase.rawValue), "locked": .bool(true),
            ])
        case "unlock": return try await unlock(parameters, session)
        default:
            guard ControlMethods.node.contains(method) || ControlMethods.device.contains(method) else {
                throw ControlError.methodNotFound(method)
            }
            throw ControlError(code: 1, message: "the node is locked", hint: "speem unlock opens it")
        }
    }

    private func unlock(_ parameters: JSON, _ session: ControlSession) async throws -> JSON {
        guard let text = parameters["key"]?.stringValue, let secret = Hex.decodeSecret(Array(text.utf8)[...]),
            secret.count == StoreKey.length
        else { throw ControlError.invalidParameters("key must be 64 hexadecimal digits") }
        let key = StoreKey(secret: secret, path: path)
        guard key.sealKeyPair.publicKey == wrapped.sealPublicKey else {
            throw ControlError(code: 1, message: "this is not the key of the node's store")
        }
        try await session.notify(Self.unlocked, .object([:]))
        unlock(key)
        return Self.answer
    }
}
