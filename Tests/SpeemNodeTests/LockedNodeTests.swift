import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemNode

/// A node that waits for its key on the control socket.
struct LockedNodeTests {
    /// As cheap as is allowed.
    private static let cheap = Argon2id.Cost(passes: 1, memory: 8 << 10)

    /// A locked node in a folder of its own.
    private final class Locked: Sendable {
        let folder = "/tmp/speem-node-\(UInt64.random(in: 0 ... .max))"
        let passphrase: Passphrase
        let wrapped: WrappedKey
        let config: Config

        init() throws {
            passphrase = try Passphrase(SecretBytes(Array("open sesame".utf8)))
            let change = try KeyChange(folder: folder)
            _ = try change.setPassphrase(passphrase, keyFile: folder + "/store.key", cost: cheap)
            wrapped = try #require(try WrappedKey.load(folder: folder))
            let text =
                "role = \"node\"\ndata = \"\(folder)\"\n[listen]\naddresses = [\"127.0.0.1:0\"]\n"
                + "[store]\nkey = \"passphrase\"\n"
            config = try Config.parse(Array(text.utf8), file: folder + ".toml", home: nil)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        /// Runs it for the time of `body`, which gets a client, and what it announces once it runs.
        func run(
            _ body: @Sendable @escaping (ControlClient, AsyncStream<NodeService.Announcement>) async throws -> Void
        ) async throws {
            let (announced, announce) = AsyncStream.makeStream(of: NodeService.Announcement.self)
            let node = LockedNode(config, wrapped: wrapped, logger: quietLogger) { announce.yield($0) }
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let client = ControlClient(path: config.controlSocket, group: group)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                let services = ServiceGroup(services: [node], logger: quietLogger)
                tasks.addTask { try await services.run() }
                do {
                    while try await client.call("status") == nil { try await Task.sleep(for: .milliseconds(10)) }
                    #expect(await node.isAlive())
                    try await body(client, announced)
                    #expect(await node.isAlive())
                } catch {
                    await services.triggerGracefulShutdown()
                    throw error
                }
                await services.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            try await group.shutdownGracefully()
            #expect(!FileManager.default.fileExists(atPath: config.controlSocket))
        }
    }

    private static func hex(_ key: StoreKey) -> JSON {
        .string(String(decoding: Hex.encode(key.secret).exposedCopy(), as: UTF8.self))
    }

    /// Gives the key; the node closes the socket for its own at any moment after it has said that it is the right one.
    private static func unlock(_ client: ControlClient, _ key: StoreKey) async throws {
        let isUnlocked = Mutex(false)
        do {
            _ = try await client.call("unlock", .object(["key": hex(key)])) { method, _ in
                if method == LockedControl.unlocked { isUnlocked.withLock { $0 = true } }
            }
        } catch is TransportError {}
        #expect(isUnlocked.withLock { $0 })
    }

    @Test(.timeLimit(.minutes(2))) func theKeyOpensIt() async throws {
        let locked = try Locked()
        let key = try locked.wrapped.unwrap(locked.passphrase)
        try await locked.run { client, announced in
            let before = try #require(try await client.call("status"))
            #expect(before["locked"] == .bool(true) && before["key"] == .string("passphrase"))
            #expect(before["role"] == .string("node") && before["version"] != nil)
            try await Self.unlock(client, key)
            for await announcement in announced {
                #expect(announcement.addresses.count == 1)
                break
            }
            let after = try #require(try await client.call("status"))
            #expect(after["locked"] == .bool(false) && after["key"] == .string("passphrase"))
            #expect(after["owned"] == .bool(false))
            let again = try #require(try await client.call("unlock", .object(["key": Self.hex(key)])))
            #expect(again["locked"] == .bool(false))
        }
        #expect(!FileManager.default.fileExists(atPath: locked.folder + "/store.key"))
        // The same identity at the next start.
        let store = try await NodeState.openStore(folder: locked.folder, key: .key(key))
        #expect(!store.report.isNew)
        await store.close()
    }

    @Test(.timeLimit(.minutes(2))) func nothingElseDoes() async throws {
        let locked = try Locked()
        try await locked.run { client, _ in
            let other = StoreKey(secret: SystemRandomSource().secret(32), path: "")
            let wrong = await #expect(throws: ControlError.self) {
                try await client.call("unlock", .object(["key": Self.hex(other)]))
            }
            #expect(wrong?.message == "this is not the key of the node's store")
            let bad: [JSON] = [
                .object([:]), .object(["key": .integer(1)]), .object(["key": .string("")]),
                .object(["key": .string(String(repeating: "a", count: 63))]),
                .object(["key": .string(String(repeating: "g", count: 64))]),
                .object(["key": .string(String(repeating: "a", count: 66))]),
            ]
            for parameters in bad {
                let error = await #expect(throws: ControlError.self) { try await client.call("unlock", parameters) }
                #expect(error?.code == -32602, "\(parameters.line)")
            }
            let status = try #require(try await client.call("status"))
            #expect(status["locked"] == .bool(true))
        }
    }

    @Test(.timeLimit(.minutes(2))) func everyOtherMethodSaysThatItIsLocked() async throws {
        let locked = try Locked()
        try await locked.run { client, _ in
            for method in Set(ControlMethods.node + ControlMethods.device).subtracting(["status", "unlock"]) {
                let error = await #expect(throws: ControlError.self) { try await client.call(method) }
                #expect(error?.message == "the node is locked" && error?.hint == "speem unlock opens it", "\(method)")
            }
            let unknown = await #expect(throws: ControlError.self) { try await client.call("nonsense") }
            #expect(unknown?.code == -32601)
        }
    }

    @Test(.timeLimit(.minutes(2))) func whileItWaitsNobodyElseHasTheStore() async throws {
        let locked = try Locked()
        let key = try locked.wrapped.unwrap(locked.passphrase)
        try await locked.run { _, _ in
            await #expect(throws: StoreError.inUse(folder: locked.folder)) {
                _ = try await NodeState.openStore(folder: locked.folder, key: .key(key))
            }
        }
    }
}
