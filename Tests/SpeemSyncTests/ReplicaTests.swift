import SpeemIdentity
import Testing

@testable import SpeemSync

struct ReplicaTests {
    /// A history of two devices' changes, as the updates that they send.
    private static func updates(_ generator: inout SeededGenerator) throws -> [Replica.Update] {
        let contact = try Sample.account(9)
        let keys: [RegisterKey] = [.contactName(contact), .contactVerified(contact), .setting("receipts")]
        return try (0..<12).map { _ in
            let id = [UInt8](repeating: UInt8.random(in: 0...3, using: &generator), count: 32)
            let stamp = Stamp(
                counter: .random(in: 1...4, using: &generator),
                device: try Sample.device(.random(in: 1...2, using: &generator)))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                return Replica.Update(registers: [
                    keys[Int.random(in: 0..<3, using: &generator)]: Register(
                        value: [UInt8.random(in: 0...9, using: &generator)], stamp: stamp)
                ])
            case 1:
                return Replica.Update(records: [
                    MessageRecord(
                        id: id, conversation: contact, isOutgoing: true, sent: UInt64(id[0]),
                        text: Bool.random(using: &generator) ? "\(id[0])" : nil,
                        isSeen: Bool.random(using: &generator))
                ])
            case 2:
                return Replica.Update(marks: [
                    MessageMark(id: id, progress: .stored, isDeleted: Bool.random(using: &generator))
                ])
            default: return Replica.Update(marks: [MessageMark(id: id, progress: .delivered, isSeen: true)])
            }
        }
    }

    /// Two devices that hear of the same changes, in any order and as often as it happens, are equal.
    @Test(arguments: 0..<300)
    func anyOrderLeadsToTheSame(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let updates = try Self.updates(&generator)
        var one = Replica()
        for update in updates { one.apply(update) }
        var other = Replica()
        let doubled = updates + updates.shuffled(using: &generator).prefix(5)
        for update in doubled.shuffled(using: &generator) { other.apply(update) }
        #expect(one == other)
        // Once more it changes nothing, and says so.
        for update in updates { #expect(other.apply(update).isEmpty) }
        #expect(one == other)
    }

    /// A part of a copy is an update; joined copies are equal whichever way they were joined.
    @Test(arguments: 0..<100)
    func copiesJoin(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let sides = try (0..<3).map { _ in
            var replica = Replica()
            for update in try Self.updates(&generator) { replica.apply(update) }
            return replica
        }
        func join(_ order: [Int]) -> Replica {
            var result = sides[order[0]]
            for place in order.dropFirst() {
                let side = sides[place]
                result.apply(
                    Replica.Update(
                        registers: side.registers, records: Array(side.messages.values),
                        marks: Array(side.earlyMarks.values)))
            }
            return result
        }
        #expect(join([0, 1, 2]) == join([2, 1, 0]))
        #expect(join([0, 1, 2]) == join([1, 0, 2]))
        #expect(join([0, 0, 1, 2, 1]) == join([1, 0, 2]))
    }

    @Test func aMarkMayComeBeforeItsMessage() throws {
        let id = [UInt8](repeating: 1, count: 32)
        let record = MessageRecord(
            id: id, conversation: try Sample.account(9), isOutgoing: false, sent: 5, text: "hello")
        var replica = Replica()
        replica.apply(Replica.Update(marks: [MessageMark(id: id, isSeen: true)]))
        replica.apply(Replica.Update(marks: [MessageMark(id: id, isDeleted: true)]))
        #expect(replica.messages.isEmpty && replica.earlyMarks.count == 1)
        let news = replica.apply(Replica.Update(records: [record]))
        #expect(news.records.map(\.isDeleted) == [true])
        #expect(replica.messages[id]?.isSeen == true)
        #expect(replica.earlyMarks.isEmpty)
        #expect(replica.messages[id]?.mark == MessageMark(id: id, isSeen: true, isDeleted: true))
    }

    @Test func theNextStampIsAboveAll() throws {
        var replica = Replica()
        let device = try Sample.device(3)
        #expect(replica.nextStamp(by: device).counter == 1)
        let register = Register(value: [1], stamp: Stamp(counter: 41, device: try Sample.device(9)))
        replica.apply(Replica.Update(registers: [.setting("a"): register]))
        #expect(replica.nextStamp(by: device) == Stamp(counter: 42, device: device))
        // What a device sets wins over what it has seen.
        let own = Register(value: [2], stamp: replica.nextStamp(by: device))
        replica.apply(Replica.Update(registers: [.setting("a"): own]))
        replica.apply(Replica.Update(registers: [.setting("a"): register]))
        #expect(replica.registers[.setting("a")] == own)
    }
}
