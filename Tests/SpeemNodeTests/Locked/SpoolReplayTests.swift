import Foundation
import SpeemCrypto
import SpeemMailbox
import SpeemProtocol
import SpeemSpool
import SpeemStore
import StoreTestTools
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

/// From the spool into the mailboxes, with power cuts.
struct SpoolReplayTests {
    private static let key = StoreKey(secret: random.secret(StoreKey.length), path: "test")
    private static let device = random.bytes(16)
    private static let contact = random.bytes(16)
    private static let machineKey = random.secret(32)

    private func folder(_ disk: MemoryDisk) -> SpoolFolder { SpoolFolder("/store/spool", fileSystem: disk) }

    /// The node's state over what is on a disk.
    private func open(_ disk: MemoryDisk, quota: Int64 = 1 << 30) async throws -> NodeState {
        let store = try await NodeState.openStore(folder: "/store", key: .key(Self.key), fileSystem: disk)
        do {
            return try await NodeState.load(
                store: store, mailboxes: Mailboxes(quota: Quota(total: quota, perContact: quota, own: 0), maxAge: 1000),
                clock: TestClock(),
                machine: NodeState.Machine(
                    file: MachineFile(folder: "/store", fileSystem: disk),
                    sealPublicKey: Self.key.sealKeyPair.publicKey), logger: quietLogger)
        } catch {
            await store.close()
            throw error
        }
    }

    /// A disk with a store, a mailbox and spool files, the numbers of whose deposits go on.
    private func spooledDisk(files: Int = 2, records: Int = 3) async throws -> MemoryDisk {
        let disk = MemoryDisk()
        let state = try await open(disk)
        try await state.write { [mailboxes = state.mailboxes] connection in
            try mailboxes.open(device: Self.device, in: connection)
            _ = try PartyRows.id(of: Self.contact, in: connection)
        }
        try await state.settleMachine()
        await state.store.close()
        for file in 0..<files {
            let spool = try spool(disk)
            for record in 0..<records { try await spool.append(entry(file * records + record)) }
            await spool.close()
        }
        return disk
    }

    private func spool(_ disk: MemoryDisk) throws -> Spool {
        let last = try MachineFile(folder: "/store", fileSystem: disk).read()?.spool
        return try Spool(
            Spool.Options(
                folder: folder(disk), recipient: Self.key.sealKeyPair.publicKey,
                last: (last?.number ?? 0, last?.link ?? SpoolFormat.noLink), limit: 1 << 30))
    }

    private func entry(_ number: Int, party: [UInt8] = contact) -> [UInt8] {
        SpooledDeposit(party: party, deposit: deposit(UInt8(number), Data(Self.device))).encoded
    }

    private func replay(_ state: NodeState, _ disk: MemoryDisk) -> SpoolReplay {
        SpoolReplay(state: state, folder: folder(disk)) { Self.key.sealKeyPair }
    }

    private func bodies(_ state: NodeState) async throws -> [Int] {
        let drain = try await state.store.read { [mailboxes = state.mailboxes] in
            try mailboxes.drain(device: Self.device, after: 0, count: 500, bytes: 1 << 30, in: $0)
        }
        return try #require(drain).envelopes.map { Int($0.envelope.body[0]) }
    }

    @Test func inOrderAndOnce() async throws {
        let disk = try await spooledDisk()
        let state = try await open(disk)
        let report = try await replay(state, disk).run()
        #expect(report.stored == 6 && report.duplicates == 0 && report.refused == 0 && report.damage == [])
        #expect(report.devices == [Self.device])
        #expect(try await bodies(state) == Array(0..<6))
        #expect(try folder(disk).files() == [])
        #expect(try await replay(state, disk).run() == SpoolReplay.Report())
        #expect(try await state.store.read { try SpoolPosition.read(in: $0) }.last.number == 2)
        await state.store.close()
        // The next boot's file goes on from there.
        let next = try spool(disk)
        try await next.append(entry(6))
        await next.close()
        #expect(try folder(disk).files().map(\.number) == [3])
        let again = try await open(disk)
        #expect(try await replay(again, disk).run().damage == [])
        #expect(try await bodies(again) == Array(0..<7))
        await again.store.close()
    }

    /// At every operation the power goes; the next unlocking, and one more locked boot, bring everything once.
    @Test func powerCutsAtEveryOperation() async throws {
        let disk = try await spooledDisk()
        let whole = disk.copy()
        let state = try await open(whole)
        let begin = whole.operations
        _ = try await replay(state, whole).run()
        await state.store.close()
        for failAt in begin..<whole.operations {
            let cut = disk.copy()
            guard let state = try? await open(cut) else { continue }
            cut.state.withLock { $0.failAt = failAt - begin + $0.operations }
            _ = try? await replay(state, cut).run()
            await state.store.close()
            let found = cut.afterPowerCut(seed: UInt64(failAt))
            let spool = try spool(found)
            try await spool.append(entry(6))
            await spool.close()
            let again = try await open(found)
            let report = try await replay(again, found).run()
            #expect(report.damage == [], "cut at operation \(failAt)")
            #expect(try await bodies(again) == Array(0..<7), "cut at operation \(failAt)")
            #expect(try folder(found).files() == [] && folder(found).aside() == [])
            await again.store.close()
        }
    }

    /// "Stored" was said: there is no refusing any more.
    @Test func aFullMailboxTakesWhatWasAcknowledged() async throws {
        let disk = try await spooledDisk()
        let state = try await open(disk, quota: 300)
        #expect(try await replay(state, disk).run().stored == 6)
        // And nothing else until there is room.
        let outcomes = try await state.write { [mailboxes = state.mailboxes] connection in
            let party = try PartyRows.id(of: Self.contact, in: connection)
            return try mailboxes.deposit(
                Deposit(deposit(99, Data(Self.device))), from: party, as: .contact, contacts: 1, clock: state.clock,
                in: connection)
        }
        #expect(outcomes == [.refused(.mailboxFull)])
        await state.store.close()
    }

    /// The disk is full: what does not fit stays in the spool until there is room.
    @Test func aFullDiskKeepsTheRest() async throws {
        let disk = try await spooledDisk(files: 1, records: 40)
        let state = try await open(disk)
        disk.state.withLock { $0.capacity = 1 }
        await #expect(throws: StoreError.self) {
            while true { _ = try await replay(state, disk).run(); if try folder(disk).files().isEmpty { break } }
            // Some fits into the space that the log has reserved already.
            throw StoreError.diskFull(path: "")
        }
        disk.state.withLock { $0.capacity = .max }
        _ = try await replay(state, disk).run()
        #expect(try await bodies(state) == Array(0..<40))
        #expect(try folder(disk).files() == [])
        await state.store.close()
    }

    @Test func damageIsToldAndTheRestIsBrought() async throws {
        let disk = try await spooledDisk(files: 2, records: 4)
        var bytes = try #require(disk["/store/spool/1.spool"])
        bytes[512 + 512 + 100] ^= 1
        disk["/store/spool/1.spool"] = bytes
        let state = try await open(disk)
        let report = try await replay(state, disk).run()
        #expect(report.stored == 7)
        #expect(try await bodies(state) == [0, 2, 3, 4, 5, 6, 7])
        #expect(report.damage.map(\.file) == ["1.spool", "2.spool"])
        #expect(report.damage.first?.place == "record 1 at byte 1024")
        // They are kept for who wants to look, and are in nobody's way.
        #expect(try folder(disk).aside() == ["1.spool.damaged", "2.spool.damaged"])
        #expect(try replay(state, disk).left().damaged.count == 2)
        #expect(try await replay(state, disk).run() == SpoolReplay.Report())
        await state.store.close()
    }

    /// Cut after the next one was begun, or missing: the next one's link tells.
    @Test(arguments: [false, true])
    func aCutOrMissingFileIsTold(isMissing: Bool) async throws {
        let disk = try await spooledDisk(files: 2, records: 4)
        let bytes = try #require(disk["/store/spool/1.spool"])
        disk["/store/spool/1.spool"] = isMissing ? nil : Array(bytes.dropLast(1024))
        let state = try await open(disk)
        let report = try await replay(state, disk).run()
        #expect(report.stored == (isMissing ? 4 : 6))
        #expect(report.damage.map(\.file) == ["2.spool"])
        await state.store.close()
    }

    /// Whoever has the card can append: nothing that he writes keeps the rest away.
    @Test func nonsenseIsPassedOver() async throws {
        let disk = try await spooledDisk(files: 1, records: 1)
        let spool = try spool(disk)
        try await spool.append([])
        try await spool.append([1, 2, 3])
        try await spool.append([1] + random.bytes(16) + [0xff, 0xff])
        try await spool.append(entry(1))
        // A party that is not there any more, and a mailbox that is not.
        try await spool.append(entry(2, party: random.bytes(16)))
        try await spool.append(
            SpooledDeposit(party: Self.contact, deposit: deposit(3, Data(random.bytes(16)))).encoded)
        await spool.close()
        let state = try await open(disk)
        let report = try await replay(state, disk).run()
        #expect(report.stored == 3 && report.refused == 4)
        #expect(try await bodies(state) == [0, 1, 2])
        await state.store.close()
    }

    @Test func aFileForAnotherStoreIsSetAside() async throws {
        let disk = try await spooledDisk(files: 0)
        let other = try Spool(
            Spool.Options(
                folder: folder(disk), recipient: X25519.PrivateKey(random: random).publicKey,
                last: (0, SpoolFormat.noLink), limit: 1 << 30))
        try await other.append(entry(1))
        await other.close()
        let state = try await open(disk)
        #expect(try await replay(state, disk).run().damage.count == 1)
        #expect(try folder(disk).aside() == ["1.spool.damaged"])
        await state.store.close()
    }
}
