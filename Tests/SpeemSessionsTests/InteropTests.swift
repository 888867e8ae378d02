import Foundation
import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

/// Sealed messages between Swift and the Python reference: live, and through conversations that Swift wrote down.
@Suite(.enabled(if: Reference.python != nil, Comment(rawValue: Reference.reason)))
struct InteropTests {
    /// A message on its way to one of both, in whatever order the test delivers.
    private struct InFlight {
        let envelope: Envelope
        let content: [UInt8]
        let heads: [[UInt8]]
    }

    /// A Swift person and a Python peer with a session.
    private struct Talk {
        let peer: ReferencePeer
        let swift: Person
        var session: Session

        var sessionID: String { Hex.encode(session.id) }

        mutating func sealInSwift(_ content: [UInt8]) throws -> InFlight {
            let heads = try swift.heads
            return InFlight(
                envelope: try swift.send(content, in: &session), content: content,
                heads: [heads.sender.bytes, heads.recipient.bytes])
        }

        func sealInPython(_ content: [UInt8]) throws -> InFlight {
            let answer = try peer.ask(["do": "seal", "session": sessionID, "content": Hex.encode(content)])
            return InFlight(
                envelope: Envelope(
                    header: try answer.bytes("header"), body: try answer.bytes("body"),
                    id: try MessageID(try answer.bytes("id"))),
                content: content, heads: try answer.heads())
        }

        func openInPython(_ envelope: Envelope) throws -> ReferencePeer.Answer {
            try peer.ask([
                "do": "receive", "header": Hex.encode(envelope.header), "body": Hex.encode(envelope.body),
            ])
        }

        /// Python opens what Swift sealed, and finds in it what Swift put there.
        func deliverToPython(_ message: InFlight) throws {
            let answer = try openInPython(message.envelope)
            #expect(try answer.bytes("content") == message.content)
            #expect(try answer.bytes("id") == message.envelope.id.bytes)
            #expect(try answer.bytes("account") == swift.account.bytes)
            #expect(try answer.bytes("session") == session.id)
            #expect(try answer.heads() == message.heads)
        }

        mutating func deliverToSwift(_ message: InFlight) throws {
            let opened = try swift.open(message.envelope, in: &session)
            #expect(opened.content == message.content)
            #expect(opened.id == message.envelope.id)
            #expect(opened.sender == session.peer.account)
            #expect([opened.heads.sender.bytes, opened.heads.recipient.bytes] == message.heads)
        }

        /// Why Python does not take `envelope`.
        func refusalInPython(_ envelope: Envelope) throws -> String? {
            do {
                _ = try openInPython(envelope)
                return nil
            } catch let refused as ReferencePeer.Refused {
                return refused.reason
            }
        }
    }

    private func party(of peer: ReferencePeer) throws -> SessionParty {
        let hello = try peer.ask(["do": "hello"])
        var entry = ByteReader(try hello.bytes("entry"))
        return SessionParty(
            account: try AccountPublicKey(try hello.bytes("account")), device: try DeviceEntry(&entry))
    }

    private func begunBySwift(_ seed: UInt64, lastResort: Bool, oneTime: Bool) throws -> Talk {
        let peer = try ReferencePeer(python: try #require(Reference.python))
        let party = try party(of: peer)
        let bundle = try peer.ask(["do": "bundle", "lastResort": lastResort, "oneTime": oneTime])
        let swift = try Person(seed)
        let session = try Session.initiate(
            local: swift.local, peer: party,
            bundle: try PrekeyBundle(
                device: party.device, signed: try bundle.bytes("signed"), kem: try bundle.bytes("kem"),
                isLastResort: lastResort, oneTime: try bundle.optionalBytes("oneTime")),
            random: SystemRandomSource())
        return Talk(peer: peer, swift: swift, session: session)
    }

    /// With Python's first two messages, the second of which has begun the session.
    private func begunByPython(_ seed: UInt64, lastResort: Bool, oneTime: Bool) throws -> (Talk, late: InFlight) {
        let peer = try ReferencePeer(python: try #require(Reference.python))
        let swift = try Person(seed)
        var request: [String: Any] = [
            "do": "initiate", "account": Hex.encode(swift.account.bytes),
            "entry": Hex.encode(swift.party.device.encoded), "signed": Hex.encode(swift.signedPrekey.encoded),
            "kem": Hex.encode(swift.kemPrekey(lastResort: lastResort).encoded),
        ]
        if oneTime { request["oneTimeKey"] = Hex.encode(swift.oneTimePrekey.encoded) }
        let id = Hex.encode(try peer.ask(request).bytes("session"))
        func seal(_ content: String) throws -> InFlight {
            let answer = try peer.ask(["do": "seal", "session": id, "content": Hex.encode(text(content))])
            return InFlight(
                envelope: Envelope(
                    header: try answer.bytes("header"), body: try answer.bytes("body"),
                    id: try MessageID(try answer.bytes("id"))),
                content: text(content), heads: try answer.heads())
        }
        let (late, first) = (try seal("0"), try seal("1"))
        let header = try swift.unseal(first.envelope)
        guard case .initial(let initial, let from) = header.kind else { throw SessionError.malformed("a test") }
        #expect(initial.isLastResort == lastResort && (initial.oneTimePrekey != nil) == oneTime)
        #expect(from == (try party(of: peer)))
        var talk = Talk(peer: peer, swift: swift, session: try swift.respond(to: header))
        #expect(!talk.session.canSend)
        try talk.deliverToSwift(first)
        return (talk, late)
    }

    /// Messages both ways in random order, each once and some twice, over many turns of the ratchet.
    private func exchange(_ talk: inout Talk, seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        var (toPython, toSwift): ([InFlight], [InFlight]) = ([], [])
        var delivered: (toPython: Int, toSwift: Int) = (0, 0)
        for step in 0..<120 {
            let content = generator.bytes(Int.random(in: 0...600, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: toPython.append(try talk.sealInSwift(content))
            case 1: toSwift.append(try talk.sealInPython(content))
            case 2:
                guard !toPython.isEmpty else { continue }
                let message = toPython.remove(at: Int.random(in: toPython.indices, using: &generator))
                try talk.deliverToPython(message)
                delivered.toPython += 1
                if step % 3 == 0 { #expect(try talk.refusalInPython(message.envelope) == "duplicate") }
            default:
                guard !toSwift.isEmpty else { continue }
                let message = toSwift.remove(at: Int.random(in: toSwift.indices, using: &generator))
                try talk.deliverToSwift(message)
                delivered.toSwift += 1
                if step % 3 == 0 {
                    #expect(refusal { try talk.swift.open(message.envelope, in: &talk.session) } == .duplicate)
                }
            }
        }
        for message in toPython.reversed() { try talk.deliverToPython(message) }
        for message in toSwift.reversed() { try talk.deliverToSwift(message) }
        #expect(delivered.toPython > 10 && delivered.toSwift > 10)
        #expect(talk.session.ratchet.skipped.isEmpty)
    }

    @Test(arguments: [false, true], [false, true])
    func swiftBegins(lastResort: Bool, oneTime: Bool) throws {
        var talk = try begunBySwift(40, lastResort: lastResort, oneTime: oneTime)
        let messages = try (0..<4).map { try talk.sealInSwift(text("\($0)")) }
        for number in [2, 0, 3] { try talk.deliverToPython(messages[number]) }
        #expect(try talk.refusalInPython(messages[2].envelope) == "duplicate")
        try talk.deliverToSwift(try talk.sealInPython(text("an answer")))
        #expect(talk.session.initial == nil)
        try talk.deliverToPython(messages[1])
        try exchange(&talk, seed: lastResort ? 1 : 2)
    }

    @Test(arguments: [false, true], [false, true])
    func pythonBegins(lastResort: Bool, oneTime: Bool) throws {
        var (talk, late) = try begunByPython(50, lastResort: lastResort, oneTime: oneTime)
        try talk.deliverToPython(try talk.sealInSwift(text("an answer")))
        try talk.deliverToSwift(late)
        try exchange(&talk, seed: lastResort ? 3 : 4)
    }

    /// What one takes for damaged the other does not take either.
    @Test func neitherTakesWhatIsDamaged() throws {
        var (talk, _) = try begunByPython(60, lastResort: false, oneTime: true)
        let toPython = try talk.sealInSwift(text("to python"))
        let toSwift = try talk.sealInPython(text("to swift"))
        for place in stride(from: 0, to: toPython.envelope.header.count, by: 7) {
            let damaged = Envelope(
                header: toPython.envelope.header.flipping(place), body: toPython.envelope.body, id: toPython.envelope.id
            )
            #expect(try talk.refusalInPython(damaged) == "notAuthentic", "byte \(place) of the header")
        }
        for place in stride(from: 0, to: toPython.envelope.body.count, by: 7) {
            let damaged = Envelope(
                header: toPython.envelope.header, body: toPython.envelope.body.flipping(place), id: toPython.envelope.id
            )
            #expect(try talk.refusalInPython(damaged) == "notAuthentic", "byte \(place) of the body")
        }
        try talk.deliverToPython(toPython)
        let swapped = Envelope(header: toSwift.envelope.header, body: toPython.envelope.body, id: toSwift.envelope.id)
        #expect(refusal { try talk.swift.open(swapped, in: &talk.session) }?.isNotAuthentic == true)
        try talk.deliverToSwift(toSwift)
    }

    @Test func theVectorsAreWhatTheReferenceWrites() throws {
        let (status, words) = try Reference.check(Reference.vectors, python: try #require(Reference.python))
        #expect(status == 0, "\(words)")
        for name in VectorTests.names { #expect(words.contains("\(name): "), "\(words)") }
    }

    /// Swift writes conversations down, and the reference comes to every step of them itself.
    @Test func theReferenceComesToWhatSwiftWroteDown() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "speem-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let python = try #require(Reference.python)
        var last: Vector?
        for seed in 0..<6 as Range<UInt64> {
            var recorder = try Recorder(seed: 70 + seed, lastResort: seed & 1 == 1, oneTime: seed & 2 == 0)
            try recorder.run(steps: seed == 0 ? 400 : 80)
            try recorder.vector.encoded.write(to: folder.appending(path: "swift-\(seed).json"))
            last = recorder.vector
        }
        let (status, words) = try Reference.check(folder, python: python)
        #expect(status == 0, "\(words)")
        #expect(words.contains("swift-0.json: 400 steps are right"), "\(words)")
        // A reference that says yes to everything would be worth nothing.
        var changed = try #require(last)
        let index = try #require(changed.events.lastIndex { if case .deliver = $0 { true } else { false } })
        guard case .deliver(let right) = changed.events[index] else { return }
        changed.events[index] = .deliver(
            .init(
                deliver: right.deliver, result: right.result, random: right.random,
                rootKey: HexBytes(right.rootKey.bytes.flipping(0)), skipped: right.skipped))
        try changed.encoded.write(to: folder.appending(path: "swift-5.json"))
        let again = try Reference.check(folder, python: python)
        #expect(again.status == 1 && again.words.contains("swift-5.json: event \(index), root key"), "\(again.words)")
    }
}
