import Foundation
import SpeemCrypto
import SpeemMailbox
import SpeemProtocol
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct UnlockAttemptsTests {
    @Test func aFewInAMinute() {
        var attempts = UnlockAttempts()
        for second in 0..<5 as Range<Int64> {
            #expect(attempts.wait(at: second) == 0)
            attempts.missed(at: second)
        }
        #expect(attempts.wait(at: 5) == 55)
        #expect(attempts.wait(at: 59) == 1)
        // One by one they are forgotten.
        #expect(attempts.wait(at: 60) == 0)
        attempts.missed(at: 60)
        #expect(attempts.wait(at: 60) == 1)
        #expect(attempts.total == 6)
    }
}

struct LockedSharesTests {
    @Test func ownDevicesHaveATenthAndContactsTheRest() {
        var shares = LockedShares(free: 100_000, perContact: 1 << 30, contacts: 3)
        // 30,000 each, with what a record costs.
        #expect(shares.take(28_000, of: 2) == .accepted)
        #expect(shares.take(2000, of: 2) == .shareFull)
        #expect(shares.take(28_000, of: 3) == .accepted)
        #expect(shares.take(28_000, of: 4) == .accepted)
        #expect(shares.take(8000, of: PartyRows.owner) == .accepted)
        #expect(shares.take(1000, of: PartyRows.owner) == .shareFull)
    }

    @Test func whatWasNotWrittenIsGivenBack() {
        var shares = LockedShares(free: 100_000, perContact: 20_000, contacts: 1)
        for _ in 0..<10 {
            #expect(shares.take(15_000, of: 2) == .accepted)
            shares.giveBack(15_000, of: 2)
        }
        #expect(shares.take(15_000, of: 2) == .accepted)
        #expect(shares.take(15_000, of: 2) == .shareFull)
    }

    @Test func whatEarlierBootsLeftNothingOfIsFull() {
        var shares = LockedShares(free: -5, perContact: 1 << 30, contacts: 1)
        #expect(shares.take(1, of: 2) == .shareFull)
        #expect(shares.take(1, of: PartyRows.owner) == .shareFull)
    }
}

struct SpooledIDsTests {
    private let mailbox = random.bytes(16)

    @Test func duplicatesAndConflicts() {
        var ids = SpooledIDs()
        let id = random.bytes(32)
        #expect(ids.verdict(party: 1, mailbox: mailbox, id: id, header: [1], body: [2]) == .new)
        ids.remember(party: 1, mailbox: mailbox, id: id, header: [1], body: [2])
        #expect(ids.verdict(party: 1, mailbox: mailbox, id: id, header: [1], body: [2]) == .duplicate)
        #expect(ids.verdict(party: 1, mailbox: mailbox, id: id, header: [1], body: [3]) == .conflict)
        // Nobody suppresses another's.
        #expect(ids.verdict(party: 2, mailbox: mailbox, id: id, header: [1], body: [3]) == .new)
        #expect(ids.verdict(party: 1, mailbox: random.bytes(16), id: id, header: [1], body: [2]) == .new)
    }

    @Test func theOldestAreForgotten() {
        var ids = SpooledIDs()
        func id(_ number: Int) -> [UInt8] { BigEndian.bytes(UInt64(number)) + [UInt8](repeating: 0, count: 24) }
        func isKnown(_ number: Int) -> Bool {
            ids.verdict(party: 1, mailbox: mailbox, id: id(number), header: [], body: []) == .duplicate
        }
        for number in 0..<(SpooledIDs.limit + 3) {
            ids.remember(party: 1, mailbox: mailbox, id: id(number), header: [], body: [])
            ids.remember(party: 1, mailbox: mailbox, id: id(number), header: [], body: [])
        }
        #expect(!isKnown(0) && !isKnown(2) && isKnown(3) && isKnown(SpooledIDs.limit + 2))
    }
}

struct SpooledDepositTests {
    @Test func whatIsWrittenIsRead() throws {
        let entry = SpooledDeposit(party: random.bytes(16), deposit: deposit(7, Data(random.bytes(16))))
        #expect(try SpooledDeposit(entry.encoded) == entry)
        var other = entry.encoded
        other[0] = 2
        #expect(throws: NodeError.self) { _ = try SpooledDeposit(other) }
        #expect(throws: (any Error).self) { _ = try SpooledDeposit(Array(entry.encoded.prefix(20))) }
        let ping = [1] + random.bytes(16) + WireRequest.with { $0.ping = WirePing() }.encode()
        #expect(throws: NodeError.self) { _ = try SpooledDeposit(ping) }
    }
}
