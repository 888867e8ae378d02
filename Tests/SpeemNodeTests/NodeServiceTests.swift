import Foundation
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode
@testable import SpeemTransport

/// Starting, stopping, and what the node says at its control socket.
struct NodeServiceTests {
    @Test func aStopWritesWhatIsOnlyInMemory() async throws {
        let node = TestNode()
        let owner = TestOwner()
        let kept = Mutex<(invite: Invite, running: Int64)?>(nil)
        let counter: UInt64 = 1 << 40
        @Sendable func attempt(_ service: NodeService, _ invite: Invite) async throws -> ClientConnection {
            try await TransportClient(group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(60)).connect(
                to: service.announcement.addresses[0],
                credentials: NodeCredentials(
                    initiatorKey: owner.key, preSharedKey: owner.preSharedKey,
                    nodeKey: invite.node.noise),
                counter: counter)
        }
        try await node.serve { service in
            let invite = try #require(service.announcement.claim)
            try await own(service.announcement, owner).close()
            // A handshake that no write follows, and less time than is written by the way.
            let connection = try await attempt(service, invite)
            _ = try await connection.request(.with { $0.ping = WirePing() })
            node.clock.advance(NodeState.runningSlack - 1)
            kept.withLock { $0 = (invite, service.requests.state.clock.running) }
        }
        let (invite, running) = try #require(kept.withLock { $0 })
        try await node.serve { service in
            #expect(service.requests.state.clock.running >= running)
            await #expect(throws: TransportError.refused(address: service.announcement.addresses[0])) {
                _ = try await attempt(service, invite)
            }
        }
    }

    /// What invites name may be another place than where the sockets are.
    @Test func itSaysWhereItListens() async throws {
        let node = TestNode()
        try await node.serve { service in
            let status = try await ControlClient(
                path: node.folder + "/control.sock", group: .singletonMultiThreadedEventLoopGroup
            ).call("status")
            #expect(status?["listening"] == .array(service.server.addresses.map { .string($0) }))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aNodeThatCannotBeReachedEnds() async throws {
        let node = TestNode()
        let service = try await node.start()
        let running = Task { try await service.run() }
        try await service.server.listener.channels.first?.close()
        await #expect(throws: TransportError.self) { try await running.value }
        // The store is closed: it starts again.
        try await node.run { _ in }
    }

    @Test(.timeLimit(.minutes(1))) func aNodeWithoutItsControlSocketEnds() async throws {
        let node = TestNode()
        let service = try await node.start()
        let running = Task { try await service.run() }
        try await service.control.listener.channels.first?.close()
        await #expect(throws: TransportError.self) { try await running.value }
    }

    @Test(.timeLimit(.minutes(2)), arguments: 0..<5)
    func aStartThatFailsLeavesNothing(round: Int) async throws {
        let node = TestNode()
        let blocked = node.folder + "/folder"
        try FileManager.default.createDirectory(atPath: blocked + "/x", withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: node.folder)
        let port = try await freePort()
        let visiting = Task {
            // Somebody knocks all the time.
            var channels: [any Channel] = []
            while !Task.isCancelled {
                if let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: port).get()
                {
                    channels.append(channel)
                }
            }
            for channel in channels { try? await channel.closeFuture.get() }
        }
        await #expect(throws: TransportError.self) {
            _ = try await node.start("[control]\nsocket = \"\(blocked)\"\n", port: port)
        }
        visiting.cancel()
        await visiting.value
        try await node.run { _ in }
    }

    private func freePort() async throws -> Int {
        let free = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(free.localAddress?.port)
        try await free.close()
        return port
    }

    @Test func methodsOfADeviceAreAnsweredWithAHint() async throws {
        let node = TestNode()
        try await node.run { _ in
            let client = ControlClient(
                path: node.folder + "/control.sock", group: MultiThreadedEventLoopGroup.singleton)
            for method in Set(ControlMethods.device).subtracting(ControlMethods.node) {
                let error = await #expect(throws: ControlError.self) { _ = try await client.call(method) }
                #expect(error?.code == 1 && error?.hint?.contains("device") == true, "\(method)")
            }
            for method in ControlMethods.node {
                let answer = try await client.call(method)
                #expect(answer != nil)
            }
            for method in ["export", "init", ""] {
                await #expect(throws: ControlError.methodNotFound(method)) { _ = try await client.call(method) }
            }
        }
    }

    @Test func aFullDiskIsARefusal() async throws {
        let node = TestNode()
        let disk = FillableDisk()
        try await node.serve(fileSystem: disk) { service in
            let owner = TestOwner()
            let device = try await own(service.announcement, owner)
            let nodeKey = try #require(service.announcement.claim).node.noise
            let contact = try await contact(device, service.announcement, node: nodeKey)
            disk.fill(true)
            var refusal = WireRefusal()
            // What the log's file has room for is still taken.
            var number: UInt8 = 0
            while refusal.code == .unspecified {
                var large = deposit(number, owner.id)
                large.body = Data(count: Limits.bodyBytes)
                let request = large
                refusal = try await contact.request(.with { $0.deposit = request }).refusal
                number += 1
            }
            #expect(refusal.code == .diskFull && refusal.retryAfterMs > 0)
            // Reading goes on, and with room again so does writing; nothing that was accepted is lost.
            let before = try await device.request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState
            #expect(before.mailboxes.first?.envelopes == UInt64(number) - 1)
            disk.fill(false)
            let last = number
            let answer = try await contact.request(.with { $0.deposit = deposit(last, owner.id) })
            #expect(answer.isStored)
        }
    }

    @Test func withdrawingGoesOnWhenTheDiskIsFull() async throws {
        let disk = FillableDisk()
        try await TestNode().serve(fileSystem: disk) { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device,
                devices: [home.owner.device.entry, phone.keys.entry], nodes: home.genesis.nodes)
            _ = try await home.append([second], grants: [phone.grant])
            disk.fill(true)
            var refusal = WireRefusal()
            var number: UInt8 = 0
            while refusal.code == .unspecified {
                var large = deposit(number, home.owner.id)
                large.body = Data(count: Limits.bodyBytes)
                let request = large
                refusal = try await contact.connection.request(.with { $0.deposit = request }).refusal
                number += 1
            }
            #expect(refusal.code == .diskFull)
            // The grants find no room; what is withdrawn with them needs none.
            let put = try await home.put([contactGrant()], revoked: [Data(contact.key.publicKey.bytes)])
            #expect(put.refusal.code == .diskFull)
            #expect(try await !home.knows(contact.key, contact.preSharedKey))
            let third = try RosterEntry.next(
                after: second, signedBy: home.owner.device, devices: [home.owner.device.entry],
                nodes: home.genesis.nodes)
            #expect(try await home.append([third]).rosterAppended.head == Data(third.head.bytes))
            #expect(try await !home.knows(phone.key, phone.preSharedKey))
            let epoch = try await home.status().nodeEpoch
            let reset = try await home.device.request(.with { $0.nodeReset = .with { $0.nodeEpoch = epoch } })
            #expect(reset.nodeWasReset.nodeEpoch.count == 16 && reset.nodeWasReset.nodeEpoch != epoch)
        }
    }
}

/// The disk, until it is told to be full: then no file grows.
private final class FillableDisk: FileSystem {
    private let disk = PosixFileSystem()
    private let isFull = Mutex(false)

    func fill(_ value: Bool) { isFull.withLock { $0 = value } }

    func open(_ path: String, create: Bool) throws(FileError) -> any StoreFile {
        File(file: try disk.open(path, create: create), path: path) { self.isFull.withLock { $0 } }
    }
    func exists(_ path: String) throws(FileError) -> Bool { try disk.exists(path) }
    func names(in folder: String) throws(FileError) -> [String] { try disk.names(in: folder) }
    func permissions(_ path: String) throws(FileError) -> (mode: UInt32, isOwn: Bool) { try disk.permissions(path) }
    func rename(_ old: String, to new: String) throws(FileError) { try disk.rename(old, to: new) }
    func remove(_ path: String) throws(FileError) { try disk.remove(path) }
    func syncFolder(_ path: String) throws(FileError) { try disk.syncFolder(path) }
    func makeFolder(_ path: String) throws(FileError) { try disk.makeFolder(path) }
    func lock(_ path: String) throws(FileError) -> (any Sendable)? { try disk.lock(path) }

    private final class File: StoreFile {
        private let file: any StoreFile
        private let path: String
        private let isFull: () -> Bool

        init(file: any StoreFile, path: String, isFull: @escaping () -> Bool) {
            self.file = file
            self.path = path
            self.isFull = isFull
        }

        private func requireRoom(_ operation: String, to end: Int64) throws(FileError) {
            guard try end > file.size(), isFull() else { return }
            throw FileError(operation: operation, path: path, code: ENOSPC)
        }

        func size() throws(FileError) -> Int64 { try file.size() }
        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
            try file.read(into: buffer, at: offset)
        }
        func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
            try requireRoom("write", to: offset + Int64(bytes.count))
            try file.write(bytes, at: offset)
        }
        func grow(to size: Int64) throws(FileError) {
            try requireRoom("grow", to: size)
            try file.grow(to: size)
        }
        func truncate(to size: Int64) throws(FileError) { try file.truncate(to: size) }
        func sync() throws(FileError) { try file.sync() }
        func close() { file.close() }
    }
}
