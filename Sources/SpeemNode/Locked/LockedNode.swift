import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemDiscovery
import SpeemProtocol
import SpeemSpool
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A node that has started and waits for its passphrase: it takes deposits into the spool, and nothing else.
final class LockedNode: Sendable {
    /// What the node goes on with once it is unlocked.
    struct Handover: Sendable {
        let opened: NodeLock.Opened
        /// The highest counters that were shown in the meantime, by initiator keys.
        let counters: [[UInt8]: UInt64]
        /// Where it listened: with the ports that the system chose.
        let addresses: [String]
    }

    private let config: Config
    private let lock: NodeLock
    private let machine: MachineFile
    private let served: Served?
    private let control: ControlServer
    private let group: MultiThreadedEventLoopGroup
    private let clock: any ClockSource
    private let logger: Logger
    private let folderLock: FolderLock

    /// What peers are served by; there is none before the machine file was written for the first time.
    private struct Served: Sendable {
        let server: TransportServer
        let record: MachineRecord
        let access: NodeAccess
        let intake: LockedIntake
    }

    /// Why deposits are not taken, for people; nil when they are.
    let problem: String?
    /// The bound addresses.
    var addresses: [String] { served?.server.addresses ?? [] }

    /// How often counters that were seen are written.
    private static let upkeepInterval: Int64 = 600
    /// For the answer to whoever has unlocked it, before the connections are closed.
    private static let grace: Duration = .milliseconds(200)

    /// Binds all sockets. When anything fails, nothing is left open.
    ///
    /// - Throws: ``SpeemStore/StoreError``, ``SpeemTransport/TransportError``, ``NodeError``.
    static func start(
        _ config: Config, logger: Logger, clock: any ClockSource, fileSystem: any FileSystem
    ) async throws -> LockedNode {
        try FileLimit.raise(for: config.connections + config.listen.count)
        let path = WrappedKey.path(folder: config.dataFolder)
        guard let wrapped = try WrappedKey.load(folder: config.dataFolder, fileSystem: fileSystem) else {
            throw StoreError.missing(path: path, reason: "no passphrase was set: speem passphrase sets one")
        }
        let folderLock = try FolderLock(folder: config.dataFolder, fileSystem: fileSystem)
        let lock = NodeLock(
            sealPublicKey: wrapped.sealPublicKey, path: path, clock: clock, logger: logger
        ) { key in
            // The store takes the lock itself.
            folderLock.release()
            do {
                return try await NodeState.openStore(
                    folder: config.dataFolder, key: .key(key), fileSystem: fileSystem)
            } catch {
                try folderLock.take()
                throw error
            }
        }
        let machine = MachineFile(folder: config.dataFolder, fileSystem: fileSystem)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let (record, problem) = try record(machine, wrapped: wrapped)
            if let problem { logger.warning("the node is locked and takes nothing in: \(problem)") }
            let start = clock.monotonic()
            var served: Served?
            if let record {
                served = try await serve(
                    record, config, lock: lock, wrapped: wrapped, start: start, group: group, logger: logger,
                    clock: clock, fileSystem: fileSystem)
            }
            do {
                return try await LockedNode(
                    config, lock: lock, machine: machine, served: served, problem: problem, start: start, group: group,
                    clock: clock, logger: logger, folderLock: folderLock)
            } catch {
                await served?.server.stop()
                throw error
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// What the machine file says, or why it is of no use.
    private static func record(
        _ machine: MachineFile, wrapped: WrappedKey
    ) throws -> (MachineRecord?, problem: String?) {
        do {
            guard let record = try machine.read() else {
                return (nil, "it was never unlocked with a passphrase before")
            }
            guard record.sealPublicKey == wrapped.sealPublicKey else {
                return (nil, "\(machine.path) belongs to another key than \(WrappedKey.fileName)")
            }
            return (record, nil)
        } catch let error as StoreError {
            // The console can still unlock it, and then the file is written anew.
            return (nil, "\(error)")
        }
    }

    private static func serve(
        _ record: MachineRecord, _ config: Config, lock: NodeLock, wrapped: WrappedKey, start: Int64,
        group: MultiThreadedEventLoopGroup, logger: Logger, clock: any ClockSource, fileSystem: any FileSystem
    ) async throws -> Served {
        let folder = SpoolFolder(NodeState.spoolFolder(config.dataFolder), fileSystem: fileSystem)
        let spool = try Spool(
            Spool.Options(
                folder: folder, recipient: record.sealPublicKey, last: (record.spool.number, record.spool.link),
                limit: config.spool))
        let access = NodeAccess()
        access.apply(AccessChange(inserted: record.grants))
        let intake = LockedIntake(record, spool: spool, perContact: config.mailboxQuotaPerContact, logger: logger)
        let reference = ServerReference()
        let requests = LockedRequests(
            access: access, intake: intake, lock: lock,
            info: {
                let usage = spool.usage
                let now = clock.monotonic()
                return .with {
                    $0.locked = true
                    $0.wrappedKey = Data(wrapped.encoded)
                    $0.bootSeconds = UInt64(clamping: now)
                    $0.lockedSeconds = UInt64(clamping: now - start)
                    $0.name = config.name
                    $0.addresses = Array(reference.bound.prefix(Limits.addresses))
                    $0.spoolBytes = UInt64(clamping: usage.bytes)
                    $0.spoolLimit = UInt64(clamping: usage.limit)
                    $0.spoolDeposits = UInt64(clamping: usage.entries)
                }
            }, logger: logger)
        do {
            let server = try await TransportServer.bind(
                addresses: config.listen.map { ($0.host, $0.port) }, staticKey: record.noiseKey, access: access,
                handler: requests, limits: TransportLimits(config), group: group, logger: logger)
            reference.set(server)
            return Served(server: server, record: record, access: access, intake: intake)
        } catch {
            await spool.close()
            throw error
        }
    }

    private init(
        _ config: Config, lock: NodeLock, machine: MachineFile, served: Served?, problem: String?, start: Int64,
        group: MultiThreadedEventLoopGroup, clock: any ClockSource, logger: Logger, folderLock: FolderLock
    ) async throws {
        self.config = config
        self.lock = lock
        self.machine = machine
        self.served = served
        self.problem = problem
        self.group = group
        self.clock = clock
        self.logger = logger
        self.folderLock = folderLock
        control = try await ControlServer.bind(
            path: config.controlSocket,
            handler: LockedControl(lock: lock) {
                let now = clock.monotonic()
                var members: [String: JSON] = [
                    "role": .string("node"), "version": .string(SpeemVersion.text), "locked": .bool(true),
                    "key": .string("passphrase"), "boot_seconds": .integer(now),
                    "locked_seconds": .integer(now - start),
                    "listening": .array((served?.server.addresses ?? []).map { .string($0) }),
                    "connections": .integer(Int64(served?.server.peerCount ?? 0)),
                    "wrong_keys": .integer(Int64(await lock.misses)),
                ]
                if let usage = served?.intake.spool.usage {
                    members["spool"] = .object([
                        "bytes": .integer(usage.bytes), "limit": .integer(usage.limit),
                        "deposits": .integer(usage.entries),
                    ])
                }
                if let problem { members["problem"] = .string(problem) }
                return .object(members)
            }, group: group, logger: logger)
    }

    /// Serves until the node is unlocked or the task is cancelled; nothing is left open then but the store.
    ///
    /// - Returns: nil when the task was cancelled.
    /// - Throws: the failure of a socket or of the spool.
    func run() async throws -> Handover? {
        let ended = await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown { await self.serve() }
        } onGracefulShutdown: {
            self.served?.server.sayGoodbye()
        }
        await served?.intake.spool.close()
        saveCounters()
        try? await group.shutdownGracefully()
        switch ended {
        case .success(let opened?):
            var counters: [[UInt8]: UInt64] = [:]
            for entry in served?.access.entries ?? [] { counters[entry.initiatorKey] = entry.counter }
            return Handover(opened: opened, counters: counters, addresses: addresses)
        case .success(nil): return nil
        case .failure(let error): throw error
        }
    }

    private func serve() async -> Result<NodeLock.Opened?, any Error> {
        await withTaskGroup(of: Result<NodeLock.Opened?, any Error>.self) { group in
            group.addTask {
                for await opened in self.lock.opened {
                    try? await Task.sleep(for: Self.grace)
                    self.served?.server.sayGoodbye()
                    return .success(opened)
                }
                return .success(nil)
            }
            group.addTask {
                await self.control.run()
                return Task.isCancelled
                    ? .success(nil)
                    : .failure(
                        TransportError.cannotListen(
                            address: self.control.path, reason: "the system closed the socket"))
            }
            if let served {
                group.addTask {
                    do {
                        try await served.server.run()
                        return .success(nil)
                    } catch {
                        return .failure(error)
                    }
                }
                group.addTask {
                    for await failure in served.intake.spool.failure { return .failure(failure) }
                    return .success(nil)
                }
                group.addTask {
                    await self.upkeep()
                    return .success(nil)
                }
                group.addTask {
                    await self.publish(served)
                    return .success(nil)
                }
            }
            var result = await group.next() ?? .success(nil)
            group.cancelAll()
            // Unlocked and told to stop in one moment: the store must be closed, so it is not forgotten.
            for await other in group {
                if case .success(.some) = other { result = other }
            }
            return result
        }
    }

    /// Lets those who know the node find it on this network, as when it is unlocked.
    private func publish(_ served: Served) async {
        guard let settings = DiscoverySettings(config), let key = served.record.discoveryKey,
            let port = Discovery.port(of: served.server.addresses)
        else {
            let (never, _) = AsyncStream.makeStream(of: Never.self)
            for await _ in never {}
            return
        }
        let discovery = Discovery(settings: settings, logger: logger) {}
        discovery.publish(Publication(.holders(of: key), port: port))
        await discovery.run()
    }

    private func upkeep() async {
        while !Task.isCancelled {
            await clock.sleep(seconds: Self.upkeepInterval)
            saveCounters()
        }
    }

    /// Keeps recorded first messages from being answered after the next start.
    private func saveCounters() {
        guard let served else { return }
        var record = served.record
        record.grants = served.access.entries
        do {
            try machine.write(record, counters: true)
        } catch {
            logger.error("the counters of connections were not written: \(error)")
        }
    }
}

/// Keeps other processes away from a store that is not open.
private final class FolderLock: Sendable {
    private let folder: String
    private let fileSystem: any FileSystem
    private let held = Mutex<(any Sendable)?>(nil)

    init(folder: String, fileSystem: any FileSystem) throws(StoreError) {
        self.folder = folder
        self.fileSystem = fileSystem
        try take()
    }

    func take() throws(StoreError) {
        let lock = try Store.lock(folder: folder, fileSystem: fileSystem)
        held.withLock { $0 = lock }
    }

    func release() { held.withLock { $0 = nil } }
}
