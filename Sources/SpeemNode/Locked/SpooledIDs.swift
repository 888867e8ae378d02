import SpeemCrypto

/// What this boot has put into the spool, to recognise it when it comes again. Bounded; what is forgotten is recognised when
/// the spool is replayed.
struct SpooledIDs: Sendable {
    /// Envelopes that are remembered: about 64 bytes each.
    static let limit = 8192

    enum Verdict: Equatable { case new, duplicate, conflict }

    private var contents: [[UInt8]: [UInt8]] = [:]
    /// The oldest first, from `next` on in a circle.
    private var order: [[UInt8]] = []
    private var next = 0

    private static func key(party: Int64, mailbox: [UInt8], id: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(
            domain: DomainSeparator("spooled key"), BigEndian.bytes(UInt64(bitPattern: party)), mailbox, id, length: 16)
    }

    private static func content(header: [UInt8], body: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(domain: DomainSeparator("spooled content"), header, body, length: 16)
    }

    func verdict(party: Int64, mailbox: [UInt8], id: [UInt8], header: [UInt8], body: [UInt8]) -> Verdict {
        guard let known = contents[Self.key(party: party, mailbox: mailbox, id: id)] else { return .new }
        return ConstantTime.equal(known, Self.content(header: header, body: body)) ? .duplicate : .conflict
    }

    /// It is on disk.
    mutating func remember(party: Int64, mailbox: [UInt8], id: [UInt8], header: [UInt8], body: [UInt8]) {
        let key = Self.key(party: party, mailbox: mailbox, id: id)
        guard contents.updateValue(Self.content(header: header, body: body), forKey: key) == nil else { return }
        if order.count < Self.limit {
            order.append(key)
        } else {
            contents[order[next]] = nil
            order[next] = key
            next = (next + 1) % Self.limit
        }
    }
}
