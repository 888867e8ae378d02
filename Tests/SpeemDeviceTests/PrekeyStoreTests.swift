import SpeemProtocol
import SpeemSessions
import SpeemStore
import Synchronization
import Testing

@testable import SpeemDevice

struct PrekeyStoreTests {
    private static let day: Int64 = 24 * 3600
    /// The key of the only node.
    private let node = [UInt8](repeating: 6, count: 32)

    private func addNode(_ device: Device, key: [UInt8]? = nil) async throws {
        let key = key ?? node
        try await device.state.store.write {
            try $0.execute("INSERT INTO own_node (node_key, node) VALUES (?, x'')", .blob(key))
        }
    }

    private struct Count: Sendable, Equatable {
        var signed: Int64 = 0
        var lastResort: Int64 = 0
        var pairs: Int64 = 0
    }

    private static func count(_ connection: Connection) throws -> Count {
        var count = Count()
        try connection.forEach("SELECT kind, count(*) FROM prekey GROUP BY kind") { row throws(StoreError) in
            let number = try row.integer(1)
            switch PrekeyStore.Kind(rawValue: try row.integer(0)) {
            case .signed: count.signed = number
            case .lastResort: count.lastResort = number
            case .kem: count.pairs = number
            case .oneTime, nil: break
            }
            return .next
        }
        return count
    }

    @discardableResult
    private static func make(_ device: Device, new: Bool, pairs: Int = 1, now: Int64) async throws -> PrekeyStore.Upload
    {
        let state = device.state
        return try await state.store.write {
            try PrekeyStore.make(state: state, newGeneration: new, pairs: pairs, now: now, in: $0)
        }
    }

    /// Also not when the highest was used, and the store was opened anew.
    @Test func noNameIsUsedTwice() async throws {
        let device = try await TestDevice("bob")
        let seen = Mutex<Set<[Int64]>>([])
        for round in 0..<5 {
            try await device.open { device in
                try await Self.make(device, new: round == 0, pairs: 3, now: 0)
                try await device.state.store.write { connection in
                    let names = try connection.query("SELECT epoch, number FROM prekey WHERE kind IN (2, 3)") {
                        row throws(StoreError) in [try row.integer(0), try row.integer(1)]
                    }
                    #expect(names.count == 6)
                    for name in names { #expect(seen.withLock { $0.insert(name).inserted }, "\(name)") }
                    try connection.execute("DELETE FROM prekey WHERE kind IN (2, 3)")
                }
            }
        }
    }

    @Test func theFixedOnesAreSentAgainAsTheyAre() async throws {
        try await TestDevice("bob").open { device in
            let first = try await Self.make(device, new: true, now: 0)
            let second = try await Self.make(device, new: false, now: 1)
            #expect(second.message.signedPrekey == first.message.signedPrekey)
            #expect(second.message.lastResortKemPrekey == first.message.lastResortKemPrekey)
            #expect(second.generation == first.generation)
            #expect(second.message.oneTime != first.message.oneTime)
            let third = try await Self.make(device, new: true, now: 2)
            #expect(third.generation > first.generation)
            #expect(third.message.signedPrekey != first.message.signedPrekey)
        }
    }

    /// What the node may still hand out stays, whatever the clock says.
    @Test func noAgeDeletesWhatTheNodeMayHandOut() async throws {
        try await TestDevice("bob").open { device in
            let store = device.state.store
            try await addNode(device)
            let first = try await Self.make(device, new: true, pairs: 4, now: 0)
            try await store.write { try PrekeyStore.uploaded(first.generation, to: node, now: 0, in: $0) }
            let late = 4000 * Self.day
            try await Self.make(device, new: false, pairs: 2, now: late)
            try await store.write { try PrekeyStore.uploaded(first.generation, to: node, now: late, in: $0) }
            #expect(try await store.read { try Self.count($0) } == Count(signed: 1, lastResort: 1, pairs: 6))
            // A new generation that the node is not known to have replaces nothing.
            let second = try await Self.make(device, new: true, pairs: 1, now: late)
            #expect(try await store.read { try PrekeyStore.newest(at: node, in: $0)?.isUploaded } == false)
            try await store.write { try PrekeyStore.uploaded(first.generation, to: node, now: 2 * late, in: $0) }
            #expect(try await store.read { try Self.count($0) } == Count(signed: 2, lastResort: 2, pairs: 7))
            try await store.write { try PrekeyStore.uploaded(second.generation, to: node, now: late, in: $0) }
            #expect(try await store.read { try PrekeyStore.newest(at: node, in: $0)?.isUploaded } == true)
            // The clock jumps: too few generations have gone by.
            try await store.write { try PrekeyStore.uploaded(second.generation, to: node, now: 9 * late, in: $0) }
            #expect(try await store.read { try Self.count($0) } == Count(signed: 2, lastResort: 2, pairs: 7))
        }
    }

    @Test func whatWasReplacedLongAgoGoes() async throws {
        try await TestDevice("bob").open { device in
            let store = device.state.store
            try await addNode(device)
            var now: Int64 = 0
            for _ in 0..<60 {
                let upload = try await Self.make(device, new: true, pairs: 1, now: now)
                let time = now
                try await store.write { try PrekeyStore.uploaded(upload.generation, to: node, now: time, in: $0) }
                now += PrekeyStore.rotation
            }
            let count = try await store.read { try Self.count($0) }
            #expect(count.signed == count.pairs && count.signed == count.lastResort)
            #expect((PrekeyStore.keptGenerations...PrekeyStore.keptGenerations + 2).contains(count.pairs))
            // Generations that follow each other quickly do not push out what is young.
            for _ in 0..<60 {
                let upload = try await Self.make(device, new: true, pairs: 1, now: now)
                let time = now
                try await store.write { try PrekeyStore.uploaded(upload.generation, to: node, now: time, in: $0) }
            }
            #expect(try await store.read { try Self.count($0) }.pairs >= 60)
        }
    }

    @Test func aClockThatWentBackMakesOneNewGeneration() async throws {
        try await TestDevice("bob").open { device in
            try await Self.make(device, new: true, now: 1000 * Self.day)
            let newest = try #require(try await device.state.store.read { try PrekeyStore.newest(at: node, in: $0) })
            #expect(newest.isOld(now: 10 * Self.day) && !newest.isOld(now: 1001 * Self.day))
            try await Self.make(device, new: true, now: 10 * Self.day)
            let next = try #require(try await device.state.store.read { try PrekeyStore.newest(at: node, in: $0) })
            #expect(next.epoch > newest.epoch && !next.isOld(now: 11 * Self.day))
        }
    }

    /// A request waits in the mailbox while the device's clock jumps and brings new prekeys.
    @Test func aRequestOutlivesAJumpOfTheClock() async throws {
        try await TestPair.with(contacts: false) { pair in
            _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
            let later = WallClock { WallClock.system.milliseconds() + 400 * Self.day * 1000 }
            for _ in 0..<3 { try await pair.bob.open(clock: later) { try await $0.supply.refill() } }
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
        }
    }
}
