public import SpeemIdentity

/// A device's copy of what all devices of an account agree on.
///
/// A join-semilattice: updates may come late, twice and in any order, and copies that have heard of the same changes are
/// equal.
public struct Replica: Sendable, Hashable {
    /// A set of changes, or a part of a copy: both are the same.
    public struct Update: Sendable, Hashable {
        public var registers: [RegisterKey: Register] = [:]
        public var records: [MessageRecord] = []
        public var marks: [MessageMark] = []

        public init(
            registers: [RegisterKey: Register] = [:], records: [MessageRecord] = [], marks: [MessageMark] = []
        ) {
            self.registers = registers
            self.records = records
            self.marks = marks
        }

        public var isEmpty: Bool { registers.isEmpty && records.isEmpty && marks.isEmpty }
    }

    public private(set) var registers: [RegisterKey: Register] = [:]
    /// By id.
    public private(set) var messages: [[UInt8]: MessageRecord] = [:]
    /// Marks of messages that have not come yet, by id.
    public private(set) var earlyMarks: [[UInt8]: MessageMark] = [:]

    public init() {}

    /// Joins `update` into this copy.
    ///
    /// - Returns: what of it was new here, as it is now. Empty when all of it was known.
    @discardableResult
    public mutating func apply(_ update: Update) -> Update {
        var news = Update()
        for (key, register) in update.registers {
            let joined = registers[key]?.joined(with: register) ?? register
            guard registers.updateValue(joined, forKey: key) != joined else { continue }
            news.registers[key] = joined
        }
        for record in update.records {
            var joined = messages[record.id]?.joined(with: record) ?? record
            if let early = earlyMarks.removeValue(forKey: record.id) { joined = joined.joined(with: early) }
            guard messages.updateValue(joined, forKey: record.id) != joined else { continue }
            news.records.append(joined)
        }
        for mark in update.marks {
            if let record = messages[mark.id] {
                let joined = record.joined(with: mark)
                guard messages.updateValue(joined, forKey: mark.id) != joined else { continue }
                news.marks.append(joined.mark)
            } else {
                let joined = earlyMarks[mark.id]?.joined(with: mark) ?? mark
                guard earlyMarks.updateValue(joined, forKey: mark.id) != joined else { continue }
                news.marks.append(joined)
            }
        }
        return news
    }

    /// The stamp of the next change that `device` makes to a register: above all that it has seen.
    public func nextStamp(by device: DeviceID) -> Stamp {
        Stamp.next(after: registers.values.map(\.stamp.counter).max() ?? 0, by: device)
    }
}
