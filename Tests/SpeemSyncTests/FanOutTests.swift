import SpeemIdentity
import Testing

@testable import SpeemSync

struct FanOutTests {
    @Test func everyDeviceOfTheRecipientAndEveryOtherOfTheSender() throws {
        let own = try Chain.make([[0, 1, 2]])
        let theirs = try Chain.make([[0, 1]], account: 1)
        let fanOut = try #require(FanOut(from: Chain.id(1), own: own, to: theirs))
        #expect(fanOut.recipients.map(\.id) == [Chain.id(0, account: 1), Chain.id(1, account: 1)])
        #expect(fanOut.own.map(\.id) == [Chain.id(0), Chain.id(2)])
        #expect(fanOut.heads == MessageHeads(sender: own.head, recipient: theirs.head))
    }

    @Test func toOneselfGoesToTheOtherDevicesOnly() throws {
        let own = try Chain.make([[0, 1, 2]])
        let fanOut = try #require(FanOut(from: Chain.id(0), own: own, to: own))
        #expect(fanOut.recipients.isEmpty)
        #expect(fanOut.own.map(\.id) == [Chain.id(1), Chain.id(2)])
    }

    @Test func onlyTheNewestEntryCounts() throws {
        let own = try Chain.make([[0, 1], [0, 2]])
        let theirs = try Chain.make([[0, 1], [0]], account: 1)
        let fanOut = try #require(FanOut(from: Chain.id(0), own: own, to: theirs))
        #expect(fanOut.recipients.map(\.id) == [Chain.id(0, account: 1)])
        #expect(fanOut.own.map(\.id) == [Chain.id(2)])
    }

    @Test func aRemovedDeviceSendsNothing() throws {
        let own = try Chain.make([[0, 1], [0]])
        #expect(FanOut(from: Chain.id(1), own: own, to: try Chain.make([[0]], account: 1)) == nil)
    }

    @Test func aNewerRosterAddsAndDrops() throws {
        let roster = try Chain.make([[0, 1], [0, 1, 2], [0, 2]])
        let revised = FanOut.revised(targets: [Chain.id(0), Chain.id(1)], for: roster, except: Chain.id(5))
        #expect(revised.added.map(\.id) == [Chain.id(2)])
        #expect(revised.dropped == [Chain.id(1)])
        let own = FanOut.revised(targets: [Chain.id(2)], for: roster, except: Chain.id(0))
        #expect(own.added.isEmpty && own.dropped.isEmpty)
    }
}
