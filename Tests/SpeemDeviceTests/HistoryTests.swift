import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SwiftProtobuf
import Testing

@testable import SpeemDevice

/// A device gets what it was allowed, and no more, however often the exchange is interrupted.
struct HistoryTests {
    private struct Family {
        let alice: (key: AccountKey, devices: [Mesh.Member])
        let bob: (key: AccountKey, devices: [Mesh.Member])

        var old: Mesh.Member { alice.devices[0] }
        var other: Mesh.Member { alice.devices[1] }
        var new: Mesh.Member { alice.devices[2] }
    }

    /// An account of two devices that know `count` messages, and a third one that is linked by the first.
    private func family(_ mesh: Mesh, count: Int, size: Int = 10) async throws -> Family {
        let alice = try await mesh.account("old", "other", "new", listed: 2)
        let bob = try await mesh.account("bob")
        for device in alice.devices.prefix(2) {
            try await mesh.meet(device, bob, name: "bob", tells: false)
            try await insert(1...count, size: size, at: device)
        }
        return Family(alice: alice, bob: bob)
    }

    private func insert(_ numbers: ClosedRange<Int>, size: Int = 10, at device: Mesh.Member) async throws {
        try await device.write { connection in
            let bob = try ContactRows.find(name: "bob", in: connection)
            for number in numbers {
                let id = BLAKE2b.hash(domain: DomainSeparator("test"), Array("\(number)".utf8))
                try MessageRows.insert(
                    contact: bob.id, id: MessageID(id), outgoing: number % 3 == 0,
                    text: "\(number) " + String(repeating: "x", count: size), sent: Int64(number) * 1000,
                    state: number % 3 == 0 ? .delivered : .read, in: connection)
            }
        }
    }

    private func link(_ family: Family, since: Int64?, now: Int64, _ mesh: Mesh) async throws {
        let genesis = try await family.old.state.roster().newest
        let entry = try RosterEntry.next(
            after: genesis, signedBy: family.old.state.local.keys,
            devices: family.alice.devices.map(\.state.local.keys.entry), nodes: genesis.nodes)
        try await mesh.append(entry, to: family.alice.devices, now: now)
        let old = family.old
        let new = family.new.id
        try await family.new.write { connection in
            try connection.execute("UPDATE device SET linked_by = ?", .blob(old.id.bytes))
            try connection.execute("DELETE FROM own_device")
            try OwnDeviceRows.insert(old.id, since: 0, in: connection)
            try OwnDeviceRows.insert(family.other.id, since: now, in: connection)
        }
        let state = old.state
        try await old.write { connection in
            try OwnDeviceRows.allow(new, since: since ?? now, in: connection)
            try OwnSync(state: state).queueWelcome(to: new, history: since != nil, since: since ?? 0, in: connection)
        }
    }

    @Test func allOfIt() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 3000)
            // The new device lacks all; the old one lacks what only the new one has got already, and marks differ.
            try await link(family, since: 0, now: 10_000_000, mesh)
            try await mesh.settle()
            #expect(try await family.new.texts() == family.old.texts())
            #expect(try await family.new.count("message WHERE state = 14 AND outgoing = 1") == 1000)
            #expect(try await family.new.count("message WHERE state = 1 AND outgoing = 0") == 2000)
            let progress = try await family.new.state.store.read { try HistoryProgress.all(in: $0) }
            #expect(progress.map(\.total) == [3000])
            #expect(progress.map(\.here) == [3000])
            #expect(progress.map(\.isOver) == [true])
            #expect(try await family.new.count("history_want") == 0)
            for device in family.alice.devices { #expect(try await device.count("outgoing_body") == 0) }
            // Bob has not met alice here, and is told of her roster all the same.
            #expect(mesh.rejected.filter { !$0.hasPrefix("bob") } == [])
        }
    }

    /// At no time is more than one part of it queued or in the mailbox.
    @Test(arguments: [(400, 4000), (12, 60_000)]) func itDoesNotFillUpTheMailbox(count: Int, size: Int) async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: count, size: size)
            try await link(family, since: 0, now: 10_000_000, mesh)
            var most = 0
            var isQuiet = false
            while !isQuiet {
                for device in family.alice.devices {
                    try await mesh.post(device)
                    let bytes = (mesh.mail[family.new.id] ?? []).reduce(0) { $0 + $1.body.count }
                    most = max(most, bytes)
                    try await mesh.read(device)
                }
                for device in family.alice.devices { try await mesh.post(device) }
                // Bob's, who is told of her roster, nobody reads here.
                isQuiet = family.alice.devices.allSatisfy { mesh.mail[$0.id, default: []].isEmpty }
            }
            #expect(try await family.new.texts() == family.old.texts())
            #expect(most < 512 * 1024)
        }
    }

    /// Stores are closed and opened again at any point, and mail comes in pieces and twice.
    @Test func interruptedAnywhere() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 700, size: 1000)
            try await link(family, since: 0, now: 10_000_000, mesh)
            var devices = family.alice.devices
            var steps = 0
            while steps == 0 || family.alice.devices.contains(where: { !mesh.mail[$0.id, default: []].isEmpty }) {
                for index in devices.indices {
                    try await mesh.post(devices[index])
                    // What was committed and not acknowledged comes once more.
                    let again = (mesh.mail[devices[index].id] ?? []).prefix(2)
                    try await mesh.read(devices[index], limit: 2)
                    mesh.mail[devices[index].id] = Array(again) + (mesh.mail[devices[index].id] ?? [])
                    try await mesh.read(devices[index], limit: again.count)
                    devices[index] = try await mesh.reopen(devices[index])
                    try await mesh.post(devices[index])
                }
                steps += 1
            }
            #expect(steps > 5)
            #expect(try await devices[2].texts() == devices[0].texts())
            // Bob has not met alice here, and is told of her roster all the same.
            #expect(mesh.rejected.filter { !$0.hasPrefix("bob") } == [])
        }
    }

    /// Messages that are read, delivered or deleted between the list and the request for them come all the same.
    @Test func marksThatChangeMeanwhile() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 300)
            try await link(family, since: 0, now: 10_000_000, mesh)
            let pair = [family.old, family.new]
            while try await family.new.count("history_want WHERE asked = 1") == 0 {
                for device in pair { try await mesh.post(device) }
                for device in pair { try await mesh.read(device) }
            }
            #expect(try await family.new.texts().count < 300)
            try await family.old.write { connection in
                try connection.execute("UPDATE message SET state = 15 WHERE outgoing = 1")
                try connection.execute("UPDATE message SET deleted = 1, text = '' WHERE id % 7 = 0")
            }
            try await mesh.settle(pair)
            #expect(try await family.new.count("message") == 300)
            #expect(try await family.new.texts() == family.old.texts())
            #expect(try await family.new.count("message WHERE state = 15") == 100)
            #expect(try await family.new.count("history_want") == 0)
        }
    }

    /// Something was lost, and nobody has noticed: a week later it is found.
    @Test func onceInAWhile() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 50)
            try await family.other.write { try $0.execute("DELETE FROM message WHERE id = 7") }
            let pair = [family.old, family.other]
            let day: Int64 = 86_400_000
            func look(_ time: Int64) async throws -> Int64 {
                let state = family.other.state
                try await family.other.write { try HistorySync(state: state).resume(now: time, in: $0) }
                let begun = try await family.other.count("history WHERE asked_ms <> 0")
                try await mesh.settle(pair)
                return begun
            }
            #expect(try await look(100 * day) == 0)
            #expect(try await look(106 * day) == 0)
            #expect(try await family.other.count("message") == 49)
            #expect(try await look(108 * day) == 1)
            #expect(try await family.other.texts() == family.old.texts())
            #expect(try await family.other.count("message") == 50)
            #expect(try await look(109 * day) == 0)
            #expect(try await family.other.count("history WHERE asked_ms <> 0") == 0)
        }
    }

    @Test func someDaysOfIt() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 100)
            try await link(family, since: 91_000, now: 10_000_000, mesh)
            try await mesh.settle()
            #expect(try await family.new.texts().count == 10)
            // Asking for more, or asking another device, helps nobody.
            for device in [family.old, family.other] { try await askForAll(family, device, mesh) }
            #expect(try await family.new.texts().count == 10)
            // Bob has not met alice here, and is told of her roster all the same.
            #expect(mesh.rejected.filter { !$0.hasPrefix("bob") } == [])
        }
    }

    private func askForAll(_ family: Family, _ device: Mesh.Member, _ mesh: Mesh) async throws {
        let state = family.new.state
        try await family.new.write { connection in
            try HistorySync(state: state).begin(since: 0, with: device.id, now: 1, in: connection)
            // Nor does telling the other one that it was linked from here.
            try OutgoingMail(state: state).queueSync(
                .with { $0.linked = .with { $0.history = true } }, only: device.id, in: connection)
        }
        try await mesh.settle()
    }

    @Test func noneOfIt() async throws {
        try await Mesh.with { mesh in
            let family = try await family(mesh, count: 100)
            try await link(family, since: nil, now: 10_000_000, mesh)
            try await mesh.settle()
            for device in [family.old, family.other] { try await askForAll(family, device, mesh) }
            #expect(try await family.new.texts() == [])
            // A third device that hands its history on does not hand it to this one.
            let (old, other) = (family.old, family.other)
            try await insert(101...150, at: old)
            try await other.write { connection in
                try HistorySync(state: other.state).begin(since: 0, with: old.id, now: 1, in: connection)
            }
            try await mesh.settle()
            #expect(try await other.texts().count == 150)
            #expect(try await family.new.texts() == [])
            // What is written from now on it gets.
            _ = try await old.text("from now on", to: family.bob.key.publicKey, sent: 11_000_000)
            try await mesh.settle(family.alice.devices)
            #expect(try await family.new.texts() == ["from now on"])
        }
    }

    /// Each has messages that the other lacks, and marks of the same message differ.
    @Test func bothSidesLackSomething() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("old", "other")
            let bob = try await mesh.account("bob")
            for device in alice.devices { try await mesh.meet(device, bob, name: "bob", tells: false) }
            let (old, other) = (alice.devices[0], alice.devices[1])
            try await insert(1...1000, at: old)
            try await insert(500...1500, at: other)
            try await old.write { connection in
                try connection.execute("UPDATE message SET state = 0 WHERE outgoing = 0")
                try connection.execute("UPDATE message SET state = 12 WHERE outgoing = 1")
                for number in 600...650 {
                    try MessageRows.delete(
                        BLAKE2b.hash(domain: DomainSeparator("test"), Array("\(number)".utf8)), in: connection)
                }
            }
            for (asking, answering) in [(other, old), (old, other)] {
                try await asking.write { connection in
                    try HistorySync(state: asking.state).begin(since: 0, with: answering.id, now: 1, in: connection)
                }
                try await mesh.settle(alice.devices)
            }
            for device in alice.devices {
                #expect(try await device.texts().count == 1500)
                #expect(try await device.texts("deleted = 1").count == 51)
                // Nothing stays of a deleted message, and every mark is the further one.
                #expect(try await device.count("message WHERE deleted = 1 AND text <> ''") == 0)
                #expect(try await device.count("message WHERE state = 12 AND sent_ms >= 500000") == 0)
                #expect(try await device.count("message WHERE outgoing = 0 AND state = 0 AND sent_ms >= 500000") == 0)
            }
            // Bob has not met alice here, and is told of her roster all the same.
            #expect(mesh.rejected.filter { !$0.hasPrefix("bob") } == [])
        }
    }

    /// A round is lost with the node's disk: after a while it is asked anew.
    @Test func aLostRound() async throws {
        try await Mesh.with { mesh in
            mesh.now = 1_800_000_000_000
            let family = try await family(mesh, count: 1200, size: 500)
            try await link(family, since: 0, now: 10_000_000, mesh)
            for _ in 0..<3 {
                for device in family.alice.devices { try await mesh.post(device) }
                for device in family.alice.devices { try await mesh.read(device) }
            }
            for device in family.alice.devices { try await mesh.post(device) }
            mesh.mail = [:]
            try await mesh.settle(family.alice.devices)
            #expect(try await family.new.texts().count < 1200)
            let new = family.new
            for (later, isDone) in [(Int64(3600), false), (4 * 86_400, true)] {
                let now = mesh.now + later * 1000
                try await new.write { try HistorySync(state: new.state).resume(now: now, in: $0) }
                try await mesh.settle(family.alice.devices)
                #expect(try await (new.texts().count == 1200) == isDone)
            }
        }
    }
}
