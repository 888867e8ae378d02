import Testing

@testable import SpeemSync

struct MessageMarkTests {
    private static let marks = [false, true].flatMap { seen in
        [false, true].flatMap { deleted in
            [MessageRecord.Progress.none, .stored, .read].map {
                MessageMark(id: [1], progress: $0, isSeen: seen, isDeleted: deleted)
            }
        }
    }

    /// The laws of a join, over every triple.
    @Test func joiningIsCommutativeAssociativeAndIdempotent() {
        for a in Self.marks {
            #expect(a.joined(with: a) == a)
            for b in Self.marks {
                #expect(a.joined(with: b) == b.joined(with: a))
                for c in Self.marks { #expect(a.joined(with: b).joined(with: c) == a.joined(with: b.joined(with: c))) }
            }
        }
    }

    /// Marks do to a message what a marked copy of it would do.
    @Test func aMarkIsACopyWithoutAText() throws {
        let record = MessageRecord(
            id: [1], conversation: try Sample.account(1), isOutgoing: true, sent: 1, text: "text", progress: .queued)
        for a in Self.marks {
            let marked = record.joined(with: a)
            #expect(marked.text == (a.isDeleted ? nil : "text"))
            #expect(marked.mark == record.mark.joined(with: a))
            for b in Self.marks {
                #expect(marked.joined(with: b) == marked.joined(with: record.joined(with: b)))
                #expect(marked.joined(with: b) == record.joined(with: a.joined(with: b)))
            }
        }
    }
}
