import NIOCore
import NIOPosix
import SpeemCPace
import SpeemCrypto
import Testing

@testable import SpeemTransport

struct ClaimClientTests {
    private let code: ClaimCode

    init() throws { code = try ClaimCode(text: "1234 5678") }

    /// The node's side by hand, up to its share.
    private static func share(
        _ connection: inout ClaimConnection, _ ends: ClaimChannel, _ code: ClaimCode, byteByByte: Bool = false
    ) async throws -> ClaimResponder.Sharing {
        let random = SystemRandomSource()
        let responder = try ClaimResponder(
            hello: try await connection.read(ClaimMessage.helloLength), channel: ends, random: random)
        try await write(responder.message, connection, byteByByte)
        let ready = try responder.readShare(try await connection.read(ClaimMessage.shareLength))
        let sharing = try ready.answer(code: code, random: random)
        try await write(sharing.message, connection, byteByByte)
        return sharing
    }

    private static func write(_ message: [UInt8], _ connection: ClaimConnection, _ byteByByte: Bool) async throws {
        guard byteByByte else { return try await connection.write(message) }
        for byte in message { try await connection.write([byte]) }
    }

    @Test func takesANodeByteByByte() async throws {
        try await withFalseNode { [code] connection, ends in
            let sharing = try await Self.share(&connection, ends, code, byteByByte: true)
            let confirmed = try sharing.readConfirmation(try await connection.read(ClaimMessage.confirmationLength))
            try await Self.write(confirmed.grant(SecretBytes([1, 2, 3])), connection, true)
            _ = try? await connection.read(1)
        } _: { [code] address in
            let payload = try await claimClient().fetch(from: address, code: code)
            #expect(payload == SecretBytes([1, 2, 3]))
        }
    }

    @Test func whoHangsUpAtOnceIsAskedAgainForAWhile() async throws {
        try await withFalseNode { _, _ in
        } _: { [code] address in
            await #expect(throws: ClaimFailure.busy(address: address)) {
                try await claimClient(patience: .milliseconds(600)).fetch(from: address, code: code)
            }
        }
    }

    @Test func whoHangsUpAtTheShareIsBusy() async throws {
        try await withFalseNode { connection, _ in
            _ = try await connection.read(ClaimMessage.helloLength)
            try await connection.write([UInt8](repeating: 1, count: ClaimMessage.replyLength))
            _ = try await connection.read(ClaimMessage.shareLength)
        } _: { [code] address in
            await #expect(throws: ClaimFailure.busy(address: address)) {
                try await claimClient().fetch(from: address, code: code)
            }
        }
    }

    @Test func anInvalidShareIsNoNodes() async throws {
        try await withFalseNode { connection, _ in
            try await connection.write([UInt8](repeating: 0, count: ClaimMessage.replyLength + 32))
            _ = try? await connection.read(1000)
        } _: { [code] address in
            await #expect(throws: ClaimFailure.notANode(address: address, .invalidShare)) {
                try await claimClient().fetch(from: address, code: code)
            }
        }
    }

    /// A false node that does not know the code: it learns nothing, and has nothing to say.
    @Test func aNodeWithAnotherCodeIsNotBelieved() async throws {
        try await withFalseNode { connection, ends in
            let sharing = try await Self.share(&connection, ends, try ClaimCode(text: "8765 4321"))
            let confirmation = try await connection.read(ClaimMessage.confirmationLength)
            do throws(ClaimExchangeError) {
                _ = try sharing.readConfirmation(confirmation)
                Issue.record("another code was taken")
            } catch {
                #expect(error == .codeOrPeerWrong)
            }
            try await connection.write(
                confirmation + [UInt8](repeating: 0, count: ClaimMessage.grantLength - confirmation.count))
            _ = try? await connection.read(1)
        } _: { [code] address in
            await #expect(throws: ClaimFailure.wrongCode(address: address)) {
                try await claimClient().fetch(from: address, code: code)
            }
        }
    }

    /// A relay between the device and a node that shows the code: both ends name their own addresses.
    @Test func aRelayGetsNothing() async throws {
        try await TestClaimServer.run { server in
            let code = await server.host.code
            try await withFalseNode { connection, _ in
                // As long as all of it goes in one order, passing the messages on is a relay.
                let hello = try await connection.read(ClaimMessage.helloLength)
                let channel = try await server.connect()
                var device = connection
                try await ClaimConnection.run(channel) { node in
                    try await node.write(hello)
                    try await device.write(try await node.read(ClaimMessage.replyLength))
                    try await node.write(try await device.read(ClaimMessage.shareLength))
                    try await device.write(try await node.read(ClaimMessage.shareLength))
                    try await node.write(try await device.read(ClaimMessage.confirmationLength))
                    try await device.write(try await node.read(ClaimMessage.grantLength))
                }
            } _: { address in
                await #expect(throws: ClaimFailure.wrongCode(address: address)) {
                    try await claimClient().fetch(from: address, code: code)
                }
            }
            #expect(await server.host.ends == [false])
        }
    }

    @Test func whoSaysNothingIsGivenUp() async throws {
        try await withFalseNode { connection, _ in
            _ = try? await connection.read(1000)
        } _: { [code] address in
            await #expect(throws: ClaimFailure.busy(address: address)) {
                try await claimClient(timeout: .milliseconds(200), patience: .zero).fetch(from: address, code: code)
            }
        }
    }

    @Test func nobodyThere() async throws {
        let listener = try await Listener.bind(
            [.tcp(host: "127.0.0.1", port: 0)], places: ConnectionPlaces(1),
            group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger
        ) { _ in }
        let address = listener.addresses[0]
        await listener.stop()
        await #expect(throws: ClaimFailure.notOpen(address: address)) {
            try await claimClient().fetch(from: address, code: code)
        }
        for address in ["", "127.0.0.1", "127.0.0.1:0", "::1:5"] {
            await #expect(throws: TransportError.invalidAddress(address)) {
                try await claimClient().fetch(from: address, code: code)
            }
        }
    }

    @Test func failuresAreForPeople() {
        let all: [ClaimFailure] = [
            .notOpen(address: "a:1"), .busy(address: "a:1"), .wrongCode(address: "a:1"),
            .notANode(address: "a:1", .malformed),
        ]
        #expect(all.allSatisfy { "\($0)".contains("a:1") })
        #expect(Set(all.map(\.description)).count == all.count)
        #expect("\(ClaimFailure.wrongCode(address: "a:1"))".contains("shows a new code"))
    }
}
