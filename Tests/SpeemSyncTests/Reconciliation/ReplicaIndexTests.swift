import SpeemIdentity
import Testing

@testable import SpeemSync

struct ReplicaIndexTests {
    private static let salt = [UInt8](repeating: 5, count: 16)

    private static func record(_ number: UInt8, progress: MessageRecord.Progress = .none) throws -> MessageRecord {
        MessageRecord(
            id: [UInt8](repeating: number, count: 32), conversation: try Sample.account(9), isOutgoing: true,
            sent: UInt64(number) * 10, text: "\(number)", progress: progress)
    }

    private static func index(_ replica: Replica, since: UInt64 = 0, salt: [UInt8] = salt) -> ReplicaIndex {
        ReplicaIndex(replica, salt: salt, since: since)
    }

    private static func replica() throws -> Replica {
        var replica = Replica()
        let register = Register(value: [1], stamp: Stamp(counter: 1, device: try Sample.device(1)))
        replica.apply(
            Replica.Update(registers: [.setting("a"): register], records: try (1...5).map { try record($0) }))
        return replica
    }

    @Test func historyBeginsWhereItIsAllowed() throws {
        let replica = try Self.replica()
        #expect(Self.index(replica).set.count == 6)
        // The register, and the messages 3, 4 and 5.
        #expect(Self.index(replica, since: 30).set.count == 4)
        #expect(Self.index(replica, since: .max).set.count == 1)
    }

    @Test func elementsStandForWhatTheyWereMadeOf() throws {
        let replica = try Self.replica()
        let index = Self.index(replica)
        let all = index.update(for: index.set.items.map(\.id), of: replica)
        var copy = Replica()
        copy.apply(all.update)
        #expect(all.isWhole && copy == replica)
        let one = index.update(for: [ReplicaIndex.item(try Self.record(3), salt: Self.salt).id], of: replica)
        #expect(one.update == Replica.Update(records: [try Self.record(3)]))
    }

    /// What has changed since it was listed is another element, and whoever asks for the old one is told that way.
    @Test func whatHasChangedIsMissed() throws {
        var replica = try Self.replica()
        let old = ReplicaIndex.item(try Self.record(3), salt: Self.salt).id
        replica.apply(Replica.Update(marks: [try Self.record(3, progress: .delivered).mark]))
        let index = Self.index(replica)
        #expect(index.update(for: [old], of: replica) == (Replica.Update(), false))
        #expect(index.update(for: [], of: replica) == (Replica.Update(), true))
    }

    @Test func everyChangeAndEverySaltMakesAnotherElement() throws {
        let record = try Self.record(1)
        let device = try Sample.device(1)
        var marked = [record]
        for mark in [
            MessageMark(id: record.id, progress: .queued), MessageMark(id: record.id, isSeen: true),
            MessageMark(id: record.id, isDeleted: true),
        ] { marked.append(record.joined(with: mark)) }
        var ids = Set(marked.map { ReplicaIndex.item($0, salt: Self.salt).id })
        ids.insert(ReplicaIndex.item(record, salt: [UInt8](repeating: 6, count: 16)).id)
        for register in [
            Register(value: [1], stamp: Stamp(counter: 1, device: device)),
            Register(value: [2], stamp: Stamp(counter: 1, device: device)),
            Register(value: [1], stamp: Stamp(counter: 2, device: device)),
        ] {
            ids.insert(ReplicaIndex.item(.setting("a"), register, salt: Self.salt).id)
            ids.insert(ReplicaIndex.item(.setting("b"), register, salt: Self.salt).id)
        }
        #expect(ids.count == 11)
    }
}
