import SpeemStore
import Testing

@testable import SpeemMailbox

struct QuotaTests {
    private let quota = Quota(total: 1000, perContact: 300, own: 100)

    @Test func sharesNeverAddUpToMoreThanThereIs() {
        for total in [.min, -1, 0, 1, 99, 100, 1000, 12_345, .max] as [Int64] {
            for contacts in [.min, 0, 1, 2, 7, 1000] as [Int64] {
                for own in [-1, 0, 100, .max] as [Int64] {
                    let quota = Quota(total: total, perContact: 300, own: own)
                    let ownShare = quota.share(of: .ownDevice, contacts: contacts)
                    let contactShare = quota.share(of: .contact, contacts: contacts)
                    #expect(ownShare >= 0 && contactShare >= 0)
                    #expect(ownShare + max(contacts, 0) * contactShare <= max(total, 0))
                }
            }
        }
        #expect(quota.share(of: .contact, contacts: 1) == 300)
        #expect(quota.share(of: .contact, contacts: 9) == 100)
        #expect(quota.share(of: .ownDevice, contacts: 9) == 100)
        #expect(Quota(total: -5, perContact: -1, own: -1).share(of: .contact, contacts: -3) == 0)
    }

    @Test func decidesExactlyAtTheLimit() {
        func decide(_ size: Int64, used: Int64, own: Int64 = 0, total: Int64) -> Quota.Verdict {
            quota.decide(
                size: size, depositor: .contact,
                usage: Quota.Usage(depositor: used, own: own, total: total, contacts: 1))
        }
        #expect(decide(300, used: 0, total: 0) == .accepted)
        #expect(decide(301, used: 0, total: 0) == .shareFull)
        #expect(decide(1, used: 300, total: 300) == .shareFull)
        // 100 of the 1,000 are the own devices'.
        #expect(decide(100, used: 0, total: 800) == .accepted)
        #expect(decide(100, used: 0, total: 801) == .nodeFull)
        #expect(decide(100, used: 0, own: 60, total: 860) == .accepted)
        #expect(decide(100, used: 0, own: 60, total: 861) == .nodeFull)
        // More than their share, from before the quota was lowered.
        #expect(decide(100, used: 0, own: 500, total: 900) == .accepted)
        #expect(decide(100, used: 0, own: 500, total: 901) == .nodeFull)
        #expect(decide(.max, used: .max, total: 0) == .shareFull)
        #expect(decide(1, used: 0, total: .max) == .nodeFull)
        #expect(decide(1, used: 0, own: .min, total: 0) == .accepted)
        #expect(decide(1, used: 0, own: .max, total: .max) == .nodeFull)
    }

    /// As many bytes as are called free are accepted, and not one more.
    @Test(arguments: [3, 4] as [UInt64])
    func whatIsFreeIsAccepted(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            func some() -> Int64 { .random(in: 0...1000, using: &generator) }
            let quota = Quota(total: 2 * some(), perContact: some(), own: some())
            let usage = Quota.Usage(
                depositor: some() / 4, own: some() / 2, total: some(), contacts: .random(in: 1...4, using: &generator))
            for depositor in [Quota.Depositor.ownDevice, .contact] {
                let free = quota.free(for: depositor, usage: usage)
                #expect(free == 0 || quota.decide(size: free, depositor: depositor, usage: usage) == .accepted)
                #expect(quota.decide(size: free + 1, depositor: depositor, usage: usage) != .accepted)
            }
        }
        let extreme = Quota.Usage(depositor: .min, own: .min, total: .min, contacts: .min)
        #expect(quota.free(for: .contact, usage: extreme) == .max)
        let full = Quota.Usage(depositor: .max, own: .max, total: .max, contacts: .max)
        #expect(quota.free(for: .contact, usage: full) == 0 && quota.free(for: .ownDevice, usage: full) == 0)
    }

    @Test func theSpaceThatARefusedDepositNeedsIsThatOfItsSmallestTarget() {
        let deposit = Deposit(
            targets: [3, 1, 2, 0].map { .init(device: alice, id: [], header: [UInt8](repeating: 0, count: $0)) },
            body: [UInt8](repeating: 0, count: 10))
        let outcomes: [DepositOutcome] = [
            .refused(.mailboxFull), .stored(sequence: 1), .refused(.nodeFull), .refused(.unknownMailbox),
        ]
        #expect(deposit.refusedForSpace(outcomes) == 140 as Int64)
        #expect(deposit.refusedForSpace([.duplicate, .stored(sequence: 1), .refused(.conflict)]) == nil)
    }

    @Test func whatIsKeptOrRememberedOfAPartyIsKnown() async throws {
        try await withBench { bench in
            #expect(try bench.mailboxes.isUnknown(party: 3, in: bench.connection))
            #expect(try bench.deposit(envelope(1), from: 3).isStored)
            #expect(try !bench.mailboxes.isUnknown(party: 3, in: bench.connection))
            #expect(Set(try bench.mailboxes.devices(in: bench.connection)) == [alice, bob])
            try bench.mailboxes.remove(device: bob, clock: bench.clock, in: bench.connection)
            #expect(try bench.mailboxes.devices(in: bench.connection) == [alice])
            let free = try bench.mailboxes.free(for: 3, as: .contact, contacts: 1, in: bench.connection)
            #expect(free == 400_000 - envelope(1).size)
        }
    }

    /// Whatever was in use before: what is accepted fits, and leaves the own devices their share.
    @Test(arguments: [1, 2] as [UInt64])
    func whatIsAcceptedFits(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var accepted = 0
        for _ in 0..<5000 {
            func some() -> Int64 { .random(in: 0...1000, using: &generator) }
            let quota = Quota(total: 2 * some(), perContact: some(), own: some())
            let (mine, own, others) = (some() / 4, some() / 2, some())
            let contacts = Int64.random(in: 1...4, using: &generator)
            let size = some() / 4
            let isOwn = generator.once(in: 2)
            let depositor: Quota.Depositor = isOwn ? .ownDevice : .contact
            let usage = Quota.Usage(
                depositor: isOwn ? own : mine, own: own, total: mine + own + others, contacts: contacts)
            let share = quota.share(of: depositor, contacts: contacts)
            let ownShare = quota.share(of: .ownDevice, contacts: contacts)
            switch quota.decide(size: size, depositor: depositor, usage: usage) {
            case .accepted:
                accepted += 1
                #expect(usage.depositor + size <= share)
                #expect(usage.total + size <= quota.total)
                if !isOwn { #expect(mine + others + size <= quota.total - ownShare) }
            case .shareFull: #expect(usage.depositor + size > share)
            case .nodeFull:
                let room = isOwn ? quota.total : quota.total - max(ownShare - own, 0)
                #expect(usage.total + size > room)
            }
        }
        #expect(accepted > 300)
    }

    // MARK: In the store

    @Test func exactlyAtTheLimit() async throws {
        let size = envelope(0, body: 1000).size
        try await withBench(quota: Quota(total: 100 * size, perContact: 3 * size, own: 0)) { (bench) throws in
            for number in 1...3 { #expect(try bench.deposit(envelope(number, body: 1000)).isStored) }
            #expect(try bench.deposit(envelope(4, body: 0)) == .refused(.mailboxFull))
        }
        try await withBench(quota: Quota(total: 100 * size, perContact: 3 * size - 1, own: 0)) { (bench) throws in
            for number in 1...2 { #expect(try bench.deposit(envelope(number, body: 1000)).isStored) }
            #expect(try bench.deposit(envelope(3, body: 1000)) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(3, body: 999)).isStored)
            #expect(try bench.used() == 3 * size - 1)
        }
    }

    @Test func aFullShareStillKnowsWhatItHas() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 100 * size, perContact: size, own: 0)) { (bench) throws in
            #expect(try bench.deposit(envelope(1)).isStored)
            #expect(try bench.deposit(envelope(2)) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(1)) == .duplicate)
            #expect(try bench.deposit(envelope(1, body: 11)) == .refused(.conflict))
            // A refusal leaves nothing behind.
            #expect(try bench.count("deposit") == 1)
            #expect(try bench.count("envelope") == 1)
        }
    }

    @Test func isFreedByReading() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 100 * size, perContact: 2 * size, own: 0)) { (bench) throws in
            for number in 1...50 {
                let outcome = try bench.deposit(envelope(number))
                #expect(outcome.isStored == (number % 3 != 0))
                // The refused one comes again after the others were read.
                guard !outcome.isStored, let waiting = try bench.sequences() else { continue }
                #expect(try bench.acknowledge(waiting) == 2)
            }
        }
    }

    @Test func nobodyUsesUpAnothersShare() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 12 * size, perContact: 100 * size, own: 2 * size)) { (bench) throws in
            bench.contacts = 5
            // Each contact has a fifth of what the own devices leave, in whatever order they come.
            for party in [3, 1, 5, 2, 4] as [Int64] {
                for number in 1...2 { #expect(try bench.deposit(envelope(number), from: party).isStored) }
                #expect(try bench.deposit(envelope(3), from: party) == .refused(.mailboxFull))
            }
            for number in 1...2 { #expect(try bench.deposit(envelope(number), from: 9, as: .ownDevice).isStored) }
            #expect(try bench.used() == 12 * size)
        }
    }

    /// The share counts over all mailboxes: a contact that fans out does not have it once for each device.
    @Test func aShareSpansAllMailboxes() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 100 * size, perContact: 2 * size, own: 0)) { (bench) throws in
            #expect(try bench.deposit(envelope(1), for: alice).isStored)
            #expect(try bench.deposit(envelope(1), for: bob).isStored)
            #expect(try bench.deposit(envelope(2), for: alice) == .refused(.mailboxFull))
        }
    }

    @Test func ownDevicesShareOneReserve() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 10 * size, perContact: 9 * size, own: size)) { (bench) throws in
            #expect(try bench.deposit(envelope(1), from: 5, as: .ownDevice).isStored)
            #expect(try bench.deposit(envelope(2), from: 6, as: .ownDevice) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(2), from: 7, as: .contact).isStored)
            #expect(try bench.acknowledge([1]) == 1)
            #expect(try bench.deposit(envelope(2), from: 6, as: .ownDevice).isStored)
        }
    }

    /// Shares shrink with each contact that comes; what the first ones used before must not be made up for by the
    /// owner's devices.
    @Test func newContactsDoNotEatIntoTheOwnersReserve() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 12 * size, perContact: 5 * size, own: 2 * size)) { (bench) throws in
            bench.contacts = 2
            for party in 1...2 as ClosedRange<Int64> {
                for number in 1...5 { #expect(try bench.deposit(envelope(number), from: party).isStored) }
            }
            bench.contacts = 3
            #expect(try bench.deposit(envelope(1), from: 3) == .refused(.nodeFull))
            for number in 1...2 { #expect(try bench.deposit(envelope(number), from: 9, as: .ownDevice).isStored) }
            // Reading gives the third contact its place, not the first ones.
            #expect(try bench.acknowledge([1]) == 1)
            #expect(try bench.deposit(envelope(6), from: 1) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(1), from: 3).isStored)
            #expect(try bench.deposit(envelope(2), from: 3) == .refused(.nodeFull))
        }
    }

    @Test func aLoweredQuotaRefusesAndDeletesNothing() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 10 * size, perContact: 8 * size, own: 2 * size)) { (bench) throws in
            for number in 1...6 { #expect(try bench.deposit(envelope(number)).isStored) }
            bench.mailboxes.quota = Quota(total: 4 * size, perContact: 3 * size, own: size)
            #expect(try bench.deposit(envelope(7)) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(7), from: 2) == .refused(.nodeFull))
            #expect(try bench.deposit(envelope(7), from: 3, as: .ownDevice) == .refused(.nodeFull))
            try bench.expireAll()
            #expect(try bench.sequences() == [1, 2, 3, 4, 5, 6])
            #expect(try bench.acknowledge([1, 2, 3, 4]) == 4)
            #expect(try bench.deposit(envelope(7), from: 3, as: .ownDevice).isStored)
            #expect(try bench.deposit(envelope(8)).isStored)
            #expect(try bench.deposit(envelope(9)) == .refused(.mailboxFull))
        }
    }

    @Test func aQuotaOfNothingRefusesAll() async throws {
        for total in [.min, 0, 127] as [Int64] {
            try await withBench(quota: Quota(total: total, perContact: .max, own: .max)) { (bench) throws in
                #expect(try bench.deposit(envelope(1, body: 0)) == .refused(.mailboxFull))
                #expect(try bench.deposit(envelope(1, body: 0), as: .ownDevice) == .refused(.mailboxFull))
            }
        }
    }
}
