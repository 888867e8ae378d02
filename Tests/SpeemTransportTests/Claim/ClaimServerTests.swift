import NIOCore
import SpeemCPace
import SpeemCrypto
import Testing

@testable import SpeemTransport

struct ClaimServerTests {
    @Test(arguments: ["127.0.0.1", "::1", "::", "0.0.0.0"]) func theRightCodeGetsThePayload(host: String) async throws {
        try await TestClaimServer.run(at: host) { server in
            let port = try #require(server.address.split(separator: ":").last)
            // Also over IPv4 at a socket for both.
            for loopback in host.contains(":") ? ["[::1]"] : ["127.0.0.1"] {
                let payload = try await claimClient().fetch(from: "\(loopback):\(port)", code: await server.host.code)
                #expect(payload == TestClaimHost.payload)
            }
            guard host == "::" else { return }
            let payload = try await claimClient().fetch(from: "127.0.0.1:\(port)", code: await server.host.code)
            #expect(payload == TestClaimHost.payload)
        }
    }

    @Test func aWrongCodeIsAMissAndTheThirdTheLast() async throws {
        try await TestClaimServer.run { server in
            for _ in 0..<3 {
                let code = await server.host.code
                await #expect(throws: ClaimFailure.wrongCode(address: server.address)) {
                    try await server.fetch(try wrong(code))
                }
            }
            #expect(await server.host.isClosed)
            // The host of this test leaves the port open.
            let code = await server.host.code
            await #expect(throws: ClaimFailure.busy(address: server.address)) { try await server.fetch(code) }
            #expect(await server.host.ends == [false, false, false])
        }
    }

    @Test func aCodeHoldsOnce() async throws {
        try await TestClaimServer.run { server in
            let code = await server.host.code
            let payload = try await server.fetch(code)
            #expect(payload == TestClaimHost.payload)
            await #expect(throws: ClaimFailure.wrongCode(address: server.address)) { try await server.fetch(code) }
            #expect(await server.host.ends == [true, false])
        }
    }

    // MARK: Hanging up

    /// Whoever goes when the node has sent its share has guessed.
    @Test func hangingUpAfterTheShareIsAMiss() async throws {
        try await TestClaimServer.run { server in
            for _ in 0..<3 {
                try await server.attempt().close()
                #expect(await server.host.nextEnd() == false)
            }
            #expect(await server.host.isClosed)
        }
    }

    @Test func sayingNothingAfterTheShareIsAMiss() async throws {
        try await TestClaimServer.run(timeout: .seconds(1)) { server in
            let channel = try await server.attempt()
            #expect(await server.host.nextEnd() == false)
            try await channel.closeFuture.get()
        }
    }

    @Test func nonsenseInPlaceOfAConfirmationIsAMiss() async throws {
        try await TestClaimServer.run { server in
            let code = await server.host.code
            let closed = try await server.speak { connection, ends in
                let random = SystemRandomSource()
                let initiator = ClaimInitiator(code: code, channel: ends, random: random)
                try await connection.write(initiator.message)
                let sharing = try initiator.readReply(
                    try await connection.read(ClaimMessage.replyLength), random: random)
                try await connection.write(sharing.message)
                _ = try await connection.read(ClaimMessage.shareLength)
                try await connection.write([UInt8](repeating: 0, count: ClaimMessage.confirmationLength))
                return try await isClosed(&connection)
            }
            #expect(closed)
            #expect(await server.host.ends == [false])
        }
    }

    /// Before the node's share nothing was guessed, and nothing is used up.
    @Test func hangingUpBeforeTheShareIsNone() async throws {
        try await TestClaimServer.run { server in
            try await server.connect().close()
            try await server.speak { connection, _ in
                try await connection.write([UInt8](repeating: 1, count: ClaimMessage.helloLength))
                _ = try await connection.read(ClaimMessage.replyLength)
            }
            let code = await server.host.code
            let payload = try await server.fetch(code)
            #expect(payload == TestClaimHost.payload)
            #expect(await server.host.ends == [true])
        }
    }

    /// Malformed messages: closed without a byte, and nothing is used up.
    @Test func whatNoDeviceSendsIsClosedSilently() async throws {
        try await TestClaimServer.run { server in
            for hello in [[0], [2], [0xff]] as [[UInt8]] {
                let closed = try await server.speak { connection, _ in
                    try await connection.write(hello + [UInt8](repeating: 1, count: 16))
                    return try await isClosed(&connection)
                }
                #expect(closed)
            }
            for share in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32)] {
                let closed = try await server.speak { connection, _ in
                    try await connection.write([1] + [UInt8](repeating: 1, count: 16))
                    _ = try await connection.read(ClaimMessage.replyLength)
                    try await connection.write(share)
                    return try await isClosed(&connection)
                }
                #expect(closed)
            }
            #expect(await server.host.ends.isEmpty)
        }
    }

    @Test func whoSaysNothingIsClosedAfterAWhile() async throws {
        try await TestClaimServer.run(timeout: .milliseconds(200)) { server in
            let closed = try await server.speak { connection, _ in try await isClosed(&connection) }
            #expect(closed)
        }
    }

    // MARK: Others at the port

    @Test func oneAttemptAtATime() async throws {
        try await TestClaimServer.run { server in
            let code = await server.host.code
            let other = try await server.attempt()
            await #expect(throws: ClaimFailure.busy(address: server.address)) { try await server.fetch(code) }
            try await other.close()
            #expect(await server.host.nextEnd() == false)
            // The code went with the other's attempt.
            let next = await server.host.code
            let payload = try await server.fetch(next)
            #expect(payload == TestClaimHost.payload)
            #expect(await server.host.ends == [false, true])
        }
    }

    /// Connections that say nothing make room for a newer one.
    @Test func aStrangerCannotFillThePort() async throws {
        // Far beyond the time that the device is patient for.
        try await TestClaimServer.run(timeout: .minutes(30)) { server in
            var strangers: [any Channel] = []
            for _ in 0..<(2 * ClaimServer.descriptors) { strangers.append(try await server.connect()) }
            let code = await server.host.code
            let payload = try await server.fetch(code)
            #expect(payload == TestClaimHost.payload)
            #expect(await server.host.ends == [true])
            for stranger in strangers { try? await stranger.close() }
        }
    }

    /// But an attempt does not: its end has to be seen.
    @Test func anAttemptIsNotClosedForOthers() async throws {
        try await TestClaimServer.run { server in
            let attempt = try await server.attempt()
            var strangers: [any Channel] = []
            for _ in 0..<(2 * ClaimServer.connectionLimit) { strangers.append(try await server.connect()) }
            // All of them were looked at when this one has its answer.
            try await server.speak { connection, _ in
                try await connection.write([1] + [UInt8](repeating: 1, count: 16))
                _ = try await connection.read(ClaimMessage.replyLength)
            }
            #expect(attempt.isActive)
            #expect(await server.host.ends.isEmpty)
            for channel in strangers + [attempt] { try? await channel.close() }
        }
    }

    /// Where a router is between, the port is as silent as one that is closed by a firewall.
    @Test func anotherNetworkIsNotAnswered() async throws {
        let elsewhere = LocalNetworks(networks: [.init(address: [192, 0, 2, 1], mask: [255, 255, 255, 0])])
        try await TestClaimServer.run(networks: { elsewhere }) { server in
            do {
                let closed = try await server.speak { connection, _ in
                    try? await connection.write([1] + [UInt8](repeating: 1, count: 16))
                    return try await isClosed(&connection)
                }
                #expect(closed)
            } catch ChannelError.ioOnClosedChannel {
                // It was closed before it could be looked at.
            }
            #expect(await server.host.ends.isEmpty)
        }
    }

    // MARK: Bytes as they come

    @Test func oneByteAtATime() async throws {
        try await TestClaimServer.run { server in
            let code = await server.host.code
            let payload = try await server.speak { connection, ends in
                let random = SystemRandomSource()
                let initiator = ClaimInitiator(code: code, channel: ends, random: random)
                for byte in initiator.message { try await connection.write([byte]) }
                let sharing = try initiator.readReply(
                    try await connection.read(ClaimMessage.replyLength), random: random)
                for byte in sharing.message { try await connection.write([byte]) }
                let confirming = try sharing.readShare(try await connection.read(ClaimMessage.shareLength))
                for byte in confirming.message { try await connection.write([byte]) }
                return try confirming.readGrant(try await connection.read(ClaimMessage.grantLength))
            }
            #expect(payload == TestClaimHost.payload)
        }
    }

    @Test func stoppingClosesEverything() async throws {
        try await TestClaimServer.run { server in
            let attempt = try await server.attempt()
            await server.server.stop()
            try await attempt.closeFuture.get()
            #expect(await server.host.nextEnd() == false)
            let code = await server.host.code
            await #expect(throws: ClaimFailure.notOpen(address: server.address)) { try await server.fetch(code) }
        }
    }

    /// Whether the peer closes without another byte.
    private func isClosed(_ connection: inout ClaimConnection) async throws -> Bool {
        do {
            _ = try await connection.read(1)
            return false
        } catch {
            return true
        }
    }
}
