import SpeemStore
import Testing

@testable import SpeemMailbox

/// Random operations against a model in memory.
struct ModelTests {
    private struct Entry: Equatable {
        let sequence: Int64
        let envelope: Envelope
        let grant: Int64
        let device: [UInt8]
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agrees(seed: UInt64) async throws {
        let quota = Quota(total: 60_000, perContact: 15_000, own: 6_000)
        try await withMailboxes(quota: quota) { (store, mailboxes) async throws in
            try await store.write { connection in
                var generator = SeededGenerator(seed: seed)
                var entries: [Entry] = []
                var known: [String: Envelope] = [:]
                var next: Int64 = 1
                for _ in 0..<2500 {
                    let device = Bool.random(using: &generator) ? alice : bob
                    switch Int.random(in: 0..<10, using: &generator) {
                    case 0..<6:
                        let grant = Int64.random(in: 1...4, using: &generator)
                        let depositor: Quota.Depositor = grant == 4 ? .ownDevice : .contact
                        let number = Int.random(in: 0..<60, using: &generator)
                        var sent = envelope(number, body: 100 + number * 10)
                        if Int.random(in: 0..<10, using: &generator) == 0 { sent.body[0] ^= 1 }
                        let outcome = try mailboxes.deposit(
                            sent, for: device, from: grant, as: depositor, contacts: 3, clock: start, in: connection)
                        let key = "\(grant) \(device[0]) \(number)"
                        let used = entries.filter { $0.grant == grant }.reduce(0) { $0 + $1.envelope.size }
                        let share: Int64 = depositor == .ownDevice ? 6_000 : 15_000
                        if let before = known[key] {
                            #expect(outcome == (before == sent ? .duplicate : .refused(.conflict)))
                        } else if used + sent.size > share {
                            #expect(outcome == .refused(.mailboxFull))
                        } else {
                            #expect(outcome == .stored(sequence: next))
                            known[key] = sent
                            entries.append(Entry(sequence: next, envelope: sent, grant: grant, device: device))
                            next += 1
                        }
                    case 6..<9:
                        let after = Int64.random(in: 0...max(next, 1), using: &generator)
                        let drain = try mailboxes.drain(
                            device: device, after: after, count: 5, bytes: .max, in: connection)
                        let expected = entries.filter { $0.device == device && $0.sequence > after }
                        #expect(drain?.envelopes.map(\.sequence) == expected.prefix(5).map(\.sequence))
                        #expect(drain?.more == (expected.count > 5))
                    default:
                        let chosen = (0..<4).map { _ in Int64.random(in: 0...next, using: &generator) }
                        let hit = entries.filter { $0.device == device && chosen.contains($0.sequence) }
                        let count = try mailboxes.acknowledge(
                            device: device, sequences: chosen, clock: start, in: connection)
                        #expect(count == hit.count)
                        entries.removeAll { hit.contains($0) }
                    }
                    let total = entries.reduce(0) { $0 + $1.envelope.size }
                    #expect(try mailboxes.bytesUsed(in: connection) == total)
                }
            }
        }
    }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
