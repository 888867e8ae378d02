import Foundation
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemProtocol
import SpeemSpool
import SpeemStore
import SpeemTransport
import StoreTestTools
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

struct MachineFileTests {
    private func record(_ counter: UInt64 = 7, grants: Int = 3) throws -> MachineRecord {
        let device = try DeviceID(random.bytes(16))
        let kinds: [GrantKind] = [.ownDevice(device), .contact, .route, .recovery, .invite(.contact)]
        return MachineRecord(
            noiseKey: X25519.PrivateKey(random: random),
            sealPublicKey: X25519.PrivateKey(random: random).publicKey, isRetired: false,
            discoveryKey: EndpointKey(random.secret(32)),
            spool: SpoolPosition.Last(number: 5, link: random.bytes(32)), mailboxes: [device.bytes, random.bytes(16)],
            parties: [1: random.bytes(16), 9: random.bytes(16)],
            grants: (0..<grants).map { number in
                NodeAccess.Entry(
                    grant: AccessGrant(id: Int64(number), preSharedKey: random.secret(32)),
                    initiatorKey: random.bytes(32), kind: kinds[number % kinds.count], party: number == 0 ? 1 : 9,
                    counter: counter + UInt64(number))
            })
    }

    private func file(_ disk: MemoryDisk) -> MachineFile { MachineFile(folder: "/data", fileSystem: disk) }

    @Test func whatIsWrittenIsRead() throws {
        let disk = MemoryDisk()
        let record = try record(grants: 40)
        try file(disk).write(record, counters: true)
        let read = try #require(try file(disk).read())
        #expect(read.encoded() == record.encoded())
        #expect(read.grants.map(\.kind) == record.grants.map(\.kind))
        #expect(read.grants.map(\.counter) == record.grants.map(\.counter))
        #expect(read.parties == record.parties && Set(read.mailboxes) == Set(record.mailboxes))
        #expect(read.discoveryKey == record.discoveryKey && read.spool == record.spool)
    }

    @Test func withoutAFileThereIsNothing() throws { #expect(try file(MemoryDisk()).read() == nil) }

    /// Counters change with every connection; the file does not for their sake, unless it is asked to.
    @Test func theSameIsNotWrittenTwice() throws {
        let disk = MemoryDisk()
        let file = file(disk)
        var record = try record()
        try file.write(record, counters: false)
        let before = disk.operations
        try file.write(record, counters: true)
        record.grants[0].counter += 1
        try file.write(record, counters: false)
        #expect(disk.operations == before)
        try file.write(record, counters: true)
        #expect(disk.operations > before)
        #expect(try self.file(disk).read()?.grants[0].counter == record.grants[0].counter)
    }

    @Test func everyByteCounts() throws {
        let disk = MemoryDisk()
        try file(disk).write(try record(), counters: true)
        let whole = try #require(disk["/data/machine.access"])
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 1
            disk["/data/machine.access"] = bytes
            #expect(throws: StoreError.self, "byte \(index)") { _ = try file(disk).read() }
        }
        for end in 0..<whole.count {
            disk["/data/machine.access"] = Array(whole[..<end])
            #expect(throws: StoreError.self, "cut at \(end)") { _ = try file(disk).read() }
        }
        disk["/data/machine.access"] = whole
        disk["/data/machine.key"] = nil
        #expect(throws: StoreError.self) { _ = try file(disk).read() }
        try file(disk).write(try record(), counters: true)
        #expect(try file(disk).read() != nil)
    }

    /// Nothing in it can be read without the key.
    @Test func secretsAreNotInIt() throws {
        let disk = MemoryDisk()
        let record = try record()
        try file(disk).write(record, counters: true)
        let bytes = try #require(disk["/data/machine.access"])
        for secret in [record.noiseKey.secret.exposedCopy(), record.grants[0].initiatorKey] {
            #expect(!bytes.indices.dropLast(32).contains { Array(bytes[$0..<($0 + 32)]) == secret })
        }
    }

    /// A power cut leaves the old record or the new one, and what was acknowledged is there.
    @Test func powerCuts() throws {
        let old = try record()
        let new = try record()
        let whole = MemoryDisk()
        try file(whole).write(old, counters: true)
        let first = whole.operations
        try file(whole).write(new, counters: true)
        for failAt in first...whole.operations {
            let disk = MemoryDisk()
            let file = file(disk)
            try file.write(old, counters: true)
            disk.state.withLock { $0.failAt = failAt }
            let isDone = (try? file.write(new, counters: true)) != nil
            for seed in 0..<6 as Range<UInt64> {
                let found = try #require(try self.file(disk.afterPowerCut(seed: seed)).read())
                let isNew = found.encoded() == new.encoded()
                #expect(isNew || (!isDone && found.encoded() == old.encoded()), "cut at \(failAt), seed \(seed)")
            }
        }
    }

    @Test func afterAFailureTheSameIsWrittenAgain() throws {
        let disk = MemoryDisk()
        let file = file(disk)
        let record = try record()
        try file.write(try self.record(), counters: true)
        disk.state.withLock { $0.capacity = 10 }
        #expect(throws: StoreError.self) { try file.write(record, counters: false) }
        disk.state.withLock { $0.capacity = .max }
        try file.write(record, counters: false)
        #expect(try file.read()?.encoded() == record.encoded())
    }

    @Test func removed() throws {
        let disk = MemoryDisk()
        try file(disk).write(try record(), counters: true)
        try file(disk).remove()
        #expect(disk["/data/machine.access"] == nil && disk["/data/machine.key"] == nil)
        try file(disk).remove()
    }

    /// From seeds: no input traps.
    @Test(arguments: 0..<50)
    func garbage(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var bytes = try record(grants: 6).encoded().exposedCopy()
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        _ = try? MachineRecord(SecretBytes(bytes))
        _ = try? MachineRecord(SecretBytes(bytes.prefix(Int.random(in: 0..<bytes.count, using: &generator))))
    }
}

/// What the running node keeps in the file.
struct MachineSettlingTests {
    /// A grant change is acknowledged only when a locked start knows of it.
    @Test func grantChangesAreInTheFileWhenTheyAreAnswered() async throws {
        let test = try LockedTestNode()
        try await test.unlocked { service in
            let home = try await Home(service)
            func keys() throws -> Set<[UInt8]> { Set(try #require(try test.record()).grants.map(\.initiatorKey)) }
            #expect(try keys().contains(home.owner.key.publicKey.bytes))
            #expect(try test.record()?.mailboxes == [[UInt8](home.owner.id)])
            let guest = try await home.contact()
            #expect(try keys().contains(guest.key.publicKey.bytes))
            let route = X25519.PrivateKey(random: random)
            _ = try await guest.connection.request(registerRoute(route))
            #expect(try keys().contains(route.publicKey.bytes))
            let invite = try await home.invite(.contact)
            #expect(try keys().contains(invite.initiatorKey.publicKey.bytes))
            _ = try await home.revoke(guest.key.publicKey)
            #expect(try !keys().contains(guest.key.publicKey.bytes) && !keys().contains(route.publicKey.bytes))
            let key = random.bytes(32)
            _ = try await home.device.request(.with { $0.discoverySet = .with { $0.key = Data(key) } })
            #expect(try test.record()?.discoveryKey?.secret == SecretBytes(key))
            let put = contactGrant()
            _ = try await home.put([put])
            #expect(try keys().contains([UInt8](put.initiatorKey)))
            _ = try await home.put([], revoked: [put.initiatorKey])
            #expect(try !keys().contains([UInt8](put.initiatorKey)))
            await guest.connection.close()
        }
    }

    /// A file that lags (a crash came before it was renamed) is made right by the next unlocking.
    @Test func theStoreWins() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        let path = test.folder + "/machine.access"
        let old = try Data(contentsOf: URL(filePath: path))
        try await test.unlocked { service in
            let device = try await connect(
                service.announcement.addresses[0], node: people.node, key: people.owner.key,
                preSharedKey: people.owner.preSharedKey)
            _ = try await device.request(
                .with { $0.grantRevoke = .with { $0.initiatorKey = Data(people.contact.publicKey.bytes) } })
        }
        try old.write(to: URL(filePath: path))
        try await test.locked { run in
            // It was not acknowledged to anybody who saw this file: until the unlocking the contact is served.
            let contact = try await run.contact(people)
            #expect(try await contact.request(deposited(1, people)).isStored)
            let device = try await run.device(people)
            _ = try await run.unlock(over: device)
            await #expect(throws: TransportError.self) { _ = try await run.contact(people) }
            #expect(try test.record()?.grants.contains { $0.initiatorKey == people.contact.publicKey.bytes } == false)
            // It was told "stored".
            #expect(try await drained(try await run.device(people)) == [1])
        }
    }

    @Test func withAKeyFileThereIsNoMachineFile() async throws {
        let test = try LockedTestNode()
        _ = try await test.unlocked { try await People($0) }
        #expect(try test.record() != nil)
        let plain = TestNode()
        try await plain.serve { service in
            _ = try await Home(service)
            #expect(try MachineFile(folder: plain.folder, fileSystem: PosixFileSystem()).read() == nil)
        }
    }
}
