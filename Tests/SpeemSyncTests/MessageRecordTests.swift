import Testing

@testable import SpeemSync

struct MessageRecordTests {
    private static func records() throws -> [MessageRecord] {
        var result: [MessageRecord] = []
        for progress in [MessageRecord.Progress.none, .queued, .stored, .delivered, .read] {
            for isSeen in [false, true] {
                for text in [nil, "text"] {
                    result.append(
                        MessageRecord(
                            id: [1], conversation: try Sample.account(1), isOutgoing: true, sent: 5, text: text,
                            progress: progress, isSeen: isSeen))
                }
            }
        }
        return result
    }

    @Test func joiningIsCommutativeAssociativeAndIdempotent() throws {
        let all = try Self.records()
        for a in all {
            #expect(a.joined(with: a) == a)
            for b in all {
                #expect(a.joined(with: b) == b.joined(with: a))
                for c in all { #expect(a.joined(with: b).joined(with: c) == a.joined(with: b.joined(with: c))) }
            }
        }
    }

    @Test func aDeletedMessageStaysDeletedAndNothingGoesBack() throws {
        let sent = MessageRecord(
            id: [1], conversation: try Sample.account(1), isOutgoing: true, sent: 5, text: "text", progress: .delivered)
        let deleted = MessageRecord(
            id: [1], conversation: try Sample.account(1), isOutgoing: true, sent: 5, text: nil, progress: .queued)
        let joined = sent.joined(with: deleted)
        #expect(joined.isDeleted)
        #expect(joined.progress == .delivered)
    }

    /// Reconciliation sees every difference that a join would level.
    @Test func marksTellAllStatesApart() throws {
        let all = try Self.records()
        #expect(Set(all.map(\.marks)).count == all.count)
    }
}
