import SpeemCrypto
import Testing

@testable import SpeemDiscovery

/// A class, so that what changes it may stand in an expectation.
private final class Found {
    private var value = FoundPeers()

    var peers: [[UInt8]: [FoundAddress]] { value.peers }
    var unowned: [FoundAddress] { value.unowned }
    var strangers: Int { value.strangers }
    func recognise(_ candidates: [[UInt8]: EndpointKey]) { value.recognise(candidates) }
    func appeared(_ place: ServicePlace) { value.appeared(place) }
    @discardableResult func disappeared(_ place: ServicePlace) -> Bool { value.disappeared(place) }
    func next(now: Double) -> (ask: [ServicePlace], again: Double?) { value.next(now: now) }
    func resolved(_ place: ServicePlace, _ record: ServiceRecord?, at address: FoundAddress) -> Bool {
        value.resolved(place, record, at: address)
    }
    func failed(_ place: ServicePlace) { value.failed(place) }
    func doubt(_ address: String, now: Double) { value.doubt(address, now: now) }
    func removeAll() { value.removeAll() }
}

struct FoundPeersTests {
    private let alice: [UInt8] = [1]
    private let bob: [UInt8] = [2]

    private func key(_ byte: UInt8) throws -> EndpointKey {
        try #require(EndpointKey(SecretBytes([UInt8](repeating: byte, count: 32))))
    }

    private func place(_ number: Int, isIPv6: Bool = false) -> ServicePlace {
        let digits = String(number, radix: 16)
        return ServicePlace(
            interface: 2, isIPv6: isIPv6, name: String(repeating: "0", count: 16 - digits.count) + digits)
    }

    private func at(_ address: String, since: Int64 = 0) -> FoundAddress {
        FoundAddress(address: address, interface: "eth0", since: since)
    }

    private func record(_ byte: UInt8) throws -> ServiceRecord {
        .peer(try key(byte), random: SystemRandomSource())
    }

    /// Appears, is asked for, and answers.
    private func show(
        _ place: ServicePlace, _ record: ServiceRecord?, at address: FoundAddress, in found: Found,
        now: Double = 0
    ) -> Bool {
        found.appeared(place)
        #expect(found.next(now: now).ask == [place])
        return found.resolved(place, record, at: address)
    }

    @Test func knownOnesAreRecognisedAndOthersCounted() throws {
        let found = Found()
        found.recognise([alice: try key(1), bob: try key(2)])
        #expect(try show(place(1), record(1), at: at("a:1", since: 1), in: found))
        #expect(try show(place(1, isIPv6: true), record(1), at: at("[a]:1", since: 2), in: found))
        #expect(try !show(place(2), record(9), at: at("x:1"), in: found))
        #expect(try !show(place(2, isIPv6: true), record(9), at: at("[x]:1"), in: found))
        #expect(!show(place(3), nil, at: at("y:1"), in: found))
        #expect(show(place(4), .unowned, at: at("n:1"), in: found))
        #expect(found.peers == [alice: [at("[a]:1", since: 2), at("a:1", since: 1)]])
        #expect(found.strangers == 1)
        #expect(found.unowned == [at("n:1")])
        #expect(found.disappeared(place(1)))
        #expect(found.peers == [alice: [at("[a]:1", since: 2)]])
        #expect(!found.disappeared(place(2)))
        found.removeAll()
        #expect(found.peers.isEmpty)
        #expect(found.strangers == 0)
    }

    /// A contact that was met after its device was seen, and one that is not known any more.
    @Test func keysComeAndGo() throws {
        let found = Found()
        #expect(try !show(place(1), record(1), at: at("a:1"), in: found))
        #expect(found.peers.isEmpty)
        found.recognise([alice: try key(1)])
        #expect(found.peers == [alice: [at("a:1")]])
        found.recognise([alice: try key(3)])
        #expect(found.peers.isEmpty)
        #expect(found.strangers == 1)
    }

    @Test func namesThatAreNotOursAreNotAskedFor() {
        let found = Found()
        found.appeared(ServicePlace(interface: 2, isIPv6: false, name: "Living room printer"))
        #expect(found.next(now: 0).ask.isEmpty)
    }

    @Test func aRecordThatDoesNotComeIsAskedForAgainAFewTimes() throws {
        let found = Found()
        found.recognise([alice: try key(1)])
        found.appeared(place(1))
        for _ in 0..<FoundPeers.maxTries {
            #expect(found.next(now: 0).ask == [place(1)])
            found.failed(place(1))
        }
        #expect(found.next(now: 0).ask.isEmpty)
        // Announced anew, it is asked for again.
        found.disappeared(place(1))
        #expect(try show(place(1), record(1), at: at("a:1"), in: found))
    }

    @Test func anAnswerThatNobodyAskedForIsNothing() throws {
        let found = Found()
        found.recognise([alice: try key(1)])
        #expect(try !found.resolved(place(1), record(1), at: at("a:1")))
        found.appeared(place(1))
        #expect(try !found.resolved(place(1), record(1), at: at("a:1")))
        found.failed(place(1))
        #expect(found.next(now: 0).ask == [place(1)])
    }

    /// Whoever floods the network takes a bounded part of memory and work, and those who were recognised stay.
    @Test func thousandsOfBogusRecords() throws {
        let found = Found()
        found.recognise([alice: try key(1)])
        #expect(try show(place(0), record(1), at: at("a:1"), in: found))
        var asked = 0
        var now = 0.0
        for number in 1...20_000 {
            found.appeared(place(number))
            now += 0.001
            for place in found.next(now: now).ask {
                asked += 1
                _ = found.resolved(place, try record(9), at: at("x:\(number)"))
            }
        }
        #expect(asked <= FoundPeers.burst + Int(now * Double(FoundPeers.perSecond)) + 1)
        #expect(found.strangers <= FoundPeers.maxPlaces)
        #expect(found.peers[alice] == [at("a:1")])
        // Once it is over, somebody new is found.
        for _ in 0..<100 {
            now += 1
            for place in found.next(now: now).ask { _ = found.resolved(place, try record(9), at: at("x:1")) }
        }
        found.appeared(place(30_000))
        now += 10
        #expect(found.next(now: now).ask.contains(place(30_000)))
        #expect(try found.resolved(place(30_000), record(1), at: at("b:1")))
        #expect(found.peers[alice]?.count == 2)
    }

    @Test func soManyAreAskedForAtOnce() {
        let found = Found()
        for number in 1...100 { found.appeared(place(number)) }
        let first = found.next(now: 0)
        #expect(first.ask.count == FoundPeers.maxResolving)
        // Nothing is due before one of them has come.
        #expect(first.again == nil)
        #expect(found.next(now: 1).ask.isEmpty)
        found.failed(first.ask[0])
        #expect(found.next(now: 1).ask.count == 1)
    }

    @Test func outOfTokensItSaysWhenToLookAgain() throws {
        let found = Found()
        for number in 1...200 { found.appeared(place(number)) }
        var next = found.next(now: 0)
        while !next.ask.isEmpty {
            for place in next.ask { _ = found.resolved(place, nil, at: at("x:1")) }
            next = found.next(now: 0)
        }
        let again = try #require(next.again)
        #expect(again > 0 && again <= 1)
        #expect(found.next(now: again).ask.count == 1)
    }

    // MARK: Those who left without a word

    @Test func anAddressWhereNobodyAnswersIsNotNamedForAWhile() throws {
        let found = Found()
        found.recognise([alice: try key(1)])
        #expect(try show(place(1), record(1), at: at("a:1"), in: found))
        #expect(try show(place(2), record(1), at: at("b:1"), in: found))
        found.doubt("a:1", now: 0)
        #expect(found.peers == [alice: [at("b:1")]])
        var moment = try #require(found.next(now: 0).again)
        #expect(moment == FoundPeers.firstDoubt)
        _ = found.next(now: moment)
        #expect(found.peers[alice]?.count == 2)
        // The next time it takes twice as long.
        found.doubt("a:1", now: moment)
        let second = try #require(found.next(now: moment).again)
        #expect(second - moment == 2 * FoundPeers.firstDoubt)
        moment = second
        // Announced anew, it is as good as new.
        found.disappeared(place(1))
        #expect(try show(place(1), record(1), at: at("a:1"), in: found, now: moment))
        #expect(found.peers[alice]?.count == 2)
        #expect(found.next(now: moment).again == nil)
    }

    @Test func doubtsDoNotGrowForEver() throws {
        let found = Found()
        found.recognise([alice: try key(1)])
        #expect(try show(place(1), record(1), at: at("a:1"), in: found))
        var now = 0.0
        for _ in 0..<50 {
            found.doubt("a:1", now: now)
            let next = try #require(found.next(now: now).again)
            #expect(next - now <= FoundPeers.longestDoubt)
            now = next
            _ = found.next(now: now)
        }
    }
}
