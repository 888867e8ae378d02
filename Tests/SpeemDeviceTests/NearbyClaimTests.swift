import NIOCore
import NIOPosix
import SpeemCPace
import SpeemCrypto
import SpeemIdentity
import SpeemNode
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

/// A person who answers questions, one after the other.
private final class Person: Sendable {
    private let answers: Mutex<[String]>
    private let heard = Mutex<[String]>([])

    init(_ answers: String...) { self.answers = Mutex(answers) }

    /// All that was asked and told.
    var lines: [String] { heard.withLock { $0 } }

    func claim(_ found: [NearbyNode] = []) -> NearbyClaim {
        NearbyClaim(
            group: MultiThreadedEventLoopGroup.singleton, find: { found },
            ask: { question in
                self.heard.withLock { $0.append(question) }
                return self.answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            }, tell: { line in self.heard.withLock { $0.append(line) } })
    }
}

struct NearbyClaimTests {
    private func withNode(
        _ body: @Sendable (TestNode, _ address: String, _ code: String) async throws -> Void
    ) async throws {
        let node = try await TestNode()
        try await node.start()
        let offer = try #require(await node.networkClaim)
        do {
            try await body(node, offer.addresses[0], offer.code)
        } catch {
            try? await node.stop()
            throw error
        }
        try await node.stop()
    }

    private func nearby(_ address: String, interface: String = "lo") throws -> NearbyNode {
        let colon = try #require(address.lastIndex(of: ":"))
        return NearbyNode(
            host: String(address[..<colon]), port: try #require(UInt16(address[address.index(after: colon)...])),
            interface: interface)
    }

    private func hint(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? DeviceError)?.hint
        }
    }

    @Test func aDeviceTakesTheNodeWhoseCodeItGets() async throws {
        let device = try await TestDevice("alice")
        try await withNode { node, address, code in
            let invite = try await Person(code).claim().invite(at: address)
            #expect(invite == (await node.claim))
            let result = try await device.accept(invite.text)
            #expect(result["kind"] == .string("claim"))
            #expect(try await device.call("nodes").arrayValue?.count == 1)
            // And nobody else does.
            let late = Person(code)
            await #expect(throws: DeviceError.self) { try await late.claim().invite(at: address) }
        }
    }

    @Test func theOnlyNodeThatIsFoundIsTaken() async throws {
        try await withNode { node, address, code in
            let person = Person(code.replacing(" ", with: "-") + " ")
            let invite = try await person.claim([try nearby(address, interface: "eth7")]).invite(at: nil)
            #expect(invite == (await node.claim))
            #expect(person.lines.contains { $0.contains(address) && $0.contains("eth7") })
            #expect(!person.lines.contains { $0.contains("which one") })
        }
    }

    @Test func amongSeveralThePersonChooses() async throws {
        try await withNode { node, address, code in
            let others = [
                NearbyNode(host: "127.0.0.1", port: 1, interface: "eth0"),
                NearbyNode(host: "fe80::1%eth1", port: 2, interface: "eth1"),
            ]
            let person = Person(" 3 ", code)
            let invite = try await person.claim(others + [try nearby(address)]).invite(at: nil)
            #expect(invite == (await node.claim))
            #expect(person.lines.contains { $0.contains("[fe80::1%eth1]:2") })
            for answer in ["0", "4", "x", "", "-1", "99999999999999999999"] {
                await #expect(throws: DeviceError.self) { try await Person(answer, code).claim(others).invite(at: nil) }
            }
            await #expect(throws: DeviceError.self) { try await Person().claim(others).invite(at: nil) }
        }
    }

    @Test func nothingFound() async throws {
        let person = Person("1234 5678")
        let hint = await hint { _ = try await person.claim().invite(at: nil) }
        #expect(hint?.contains("--address") == true)
        #expect(person.lines.isEmpty)
    }

    @Test func whatIsNoCodeIsNotTried() async throws {
        try await withNode { node, address, code in
            for text in ["", "1234 567", "speem:abc", "1234 5678 9"] {
                await #expect(throws: DeviceError.self) { try await Person(text).claim().invite(at: address) }
            }
            await #expect(throws: DeviceError.self) { try await Person().claim().invite(at: address) }
            // It cost no attempt.
            let invite = try await Person(code).claim().invite(at: address)
            #expect(invite == (await node.claim))
        }
    }

    @Test func aWrongCodeAndAClosedWindowAreToldApart() async throws {
        try await withNode { node, address, code in
            for miss in 1...3 {
                let other = code == "0000 0000" ? "0000 0001" : "0000 0000"
                // After the first miss the code is another one, and this one is right once in 10^8.
                let hint = await hint { _ = try await Person(other).claim().invite(at: address) }
                #expect(hint?.contains("three wrong ones") == true, "miss \(miss)")
            }
            try await until("the window is closed") {
                await hint { _ = try await Person(code).claim().invite(at: address) }?.contains("start it again")
                    == true
            }
            let answer = try #require(try await node.call("claim.code"))
            let again = try #require(answer["addresses"]?.arrayValue?.first?.stringValue)
            let invite = try await Person(answer["code"]?.stringValue ?? "").claim().invite(at: again)
            #expect(invite.purpose == .claim)
        }
    }

    /// The same code again after a lost answer: the node has a newer one, and the same invite.
    @Test func aClaimWhoseAnswerIsLostGoesOn() async throws {
        let device = try await TestDevice("alice")
        try await withNode { node, address, code in
            let invite = try await Person(code).claim().invite(at: address)
            try await device.accept(invite.text)
            // What the command tells to do when its answer is lost.
            await #expect(throws: ControlError.self) { try await device.accept(invite.text) }
            #expect(try await device.call("nodes").arrayValue?.count == 1)
        }
    }

    /// Whoever knows the code might hand over something else.
    @Test func onlyAClaimInviteIsTaken() async throws {
        for text in ["", "speem:", "hello", String(repeating: "a", count: 4096)] {
            let host = FixedHost(payload: text)
            let server = try await ClaimServer.bind(
                addresses: [("127.0.0.1", 0)], host: host, group: MultiThreadedEventLoopGroup.singleton,
                logger: quietLogger)
            let running = Task { try await server.run() }
            let code = host.code.text
            await #expect(throws: DeviceError.invite("what the node handed over is no claim invite", hint: nil)) {
                try await Person(code).claim().invite(at: server.addresses[0])
            }
            running.cancel()
            _ = await running.result
        }
    }

    @Test func addressesAreWrittenAsTheyAreRead() {
        #expect(NearbyNode(host: "192.0.2.1", port: 5, interface: "a").address == "192.0.2.1:5")
        #expect(NearbyNode(host: "2001:db8::1", port: 5, interface: "a").address == "[2001:db8::1]:5")
    }
}

/// Hands over what it is told.
private actor FixedHost: ClaimHost {
    private let payload: SecretBytes
    private var window: ClaimWindow
    nonisolated let code: ClaimCode

    init(payload: String) {
        self.payload = SecretBytes(Array(payload.utf8))
        var window = ClaimWindow(random: SystemRandomSource())
        code = window.reopen(random: SystemRandomSource())
        self.window = window
    }

    func begin() throws(ClaimWindow.Refusal) -> ClaimWindow.Attempt { try window.begin() }

    func end(_ attempt: ClaimWindow.Attempt, confirmed: Bool) -> SecretBytes? {
        _ = window.end(attempt, confirmed: confirmed, random: SystemRandomSource())
        return confirmed ? payload : nil
    }
}
