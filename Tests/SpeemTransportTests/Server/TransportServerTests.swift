import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemProtocol
import Synchronization
import Testing

@testable import SpeemTransport
import SwiftProtobuf

struct TransportServerTests {
    @Test func requestsRunInParallel() async throws {
        try await TestServer(handler: TestHandler(delay: .seconds(3600))).run { server in
            let connection = try await server.connect(counter: 1)
            let late = Task { try await connection.request(slow) }
            while server.handler.state.withLock({ $0.running }) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(try await connection.request(ping).pong == WirePong())
            #expect(server.handler.state.withLock { $0.running } == 1)
            await connection.close()
            await #expect(throws: TransportError.self) { _ = try await late.value }
        }
    }

    @Test func aThousandInFlight() async throws {
        try await TestServer(handler: TestHandler(delay: .milliseconds(500))).run { server in
            let connection = try await server.connect(counter: 1)
            let answers = try await withThrowingTaskGroup(of: WireResponse.self) { group in
                for _ in 0..<1500 { group.addTask { try await connection.request(slow) } }
                return try await group.reduce(into: 0) { count, response in
                    count += response.nodeState.version == "slow" ? 1 : 0
                }
            }
            #expect(answers == 1500)
            let most = server.handler.state.withLock { $0.mostRunning }
            #expect(most > 200)
            // The limit, and not what the peer would like.
            #expect(most <= Limits.requestsInFlight)
            await connection.close()
        }
    }

    @Test func requestsForLargeAnswersAreFewAtATime() async throws {
        try await TestServer(handler: TestHandler(delay: .milliseconds(200))).run { server in
            let connection = try await server.connect(counter: 1)
            let request = WireRequest.with { $0.grantList = WireGrantList() }
            #expect(try await connection.request(all: [WireRequest](repeating: request, count: 100)).count == 100)
            let most = server.handler.state.withLock { $0.mostRunning }
            #expect(most <= Limits.requestBytesInFlight / request.answerBytes)
            await connection.close()
        }
    }

    @Test func largeAnswersDoNotHoldUpSmallOnes() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            async let large = connection.request(.with { $0.rosterFetch = WireRosterFetch() })
            for _ in 0..<20 { #expect(try await connection.request(ping).pong == WirePong()) }
            #expect(try await large.rosterChain.entries.count == 6)
            #expect(try await connection.request(deposit(body: 120_000)).deposited.outcomes.map(\.state) == [.stored])
            await connection.close()
        }
    }

    @Test func pushesArrive() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(subscribe)
            let peer = try #require(server.handler.state.withLock { $0.peers.first })
            let isSent = await peer.push([.with { $0.mailWaiting = WireMailWaiting() }])
            #expect(isSent)
            var iterator = connection.pushes.makeAsyncIterator()
            #expect(await iterator.next()?.mailWaiting == WireMailWaiting())
            peer.close(.revoked, detail: "a test")
            #expect(await iterator.next() == nil)
            await #expect(throws: TransportError.self) { _ = try await connection.request(ping) }
        }
    }

    @Test(.timeLimit(.minutes(2))) func connectionsThatWaitForAnswersGiveWayToo() async throws {
        let limits = TransportLimits(connectionsPerGrant: 2, handshakeTimeout: .seconds(60))
        try await TestServer(handler: TestHandler(delay: .seconds(3600)), limits: limits).run { server in
            var connections: [ClientConnection] = []
            var answers: [PendingResponse] = []
            for counter in 1...4 {
                let connection = try await server.connect(counter: UInt64(counter))
                connections.append(connection)
                // From here on it is there until the request is answered, closed or not.
                answers += connection.begin(all: [slow])
                while server.handler.state.withLock({ $0.running }) < counter {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            for answer in answers.prefix(2) {
                let error = await #expect(throws: TransportError.self) { _ = try await answer.get() }
                #expect(error == .closed(.replaced, detail: "") || error == .disconnected)
            }
            #expect(connections.map(\.isActive) == [false, false, true, true])
        }
    }

    @Test func theOldestConnectionOfAGrantGivesWay() async throws {
        try await TestServer(limits: TransportLimits(connectionsPerGrant: 2, handshakeTimeout: .seconds(60))).run {
            server in
            var connections: [ClientConnection] = []
            for counter in 1...3 {
                let connection = try await server.connect(counter: UInt64(counter))
                _ = try await connection.request(ping)
                connections.append(connection)
            }
            let error = await #expect(throws: TransportError.self) {
                while true { _ = try await connections[0].request(slow) }
            }
            #expect(error == .closed(.replaced, detail: "") || error == .disconnected)
            #expect(try await connections[1].request(ping).pong == WirePong())
            #expect(try await connections[2].request(ping).pong == WirePong())
        }
    }

    @Test func tooManyConnectionsAreClosed() async throws {
        try await TestServer(limits: TransportLimits(connections: 2, handshakeTimeout: .seconds(60))).run { server in
            let one = try await server.connect(counter: 1)
            let two = try await server.connect(counter: 2)
            _ = try await one.request(ping)
            _ = try await two.request(ping)
            await #expect(throws: TransportError.self) { _ = try await server.connect(counter: 3) }
            // It was closed before its first message cost any work.
            #expect(server.access.lookups == 2)
            await one.close()
            // Room again, once the server has noticed.
            var third: ClientConnection?
            for counter in 4..<100 where third == nil {
                third = try? await server.connect(counter: UInt64(counter))
                if third == nil { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(third != nil)
            await two.close()
        }
    }

    @Test func idleConnectionsAreToldAndClosed() async throws {
        try await TestServer(limits: TransportLimits(handshakeTimeout: .seconds(60), idleTimeout: .seconds(8))).run {
            server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(ping)
            for await _ in connection.pushes {}
            let error = await #expect(throws: TransportError.self) { _ = try await connection.request(ping) }
            #expect(error == .closed(.idle, detail: "") || error == .disconnected)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aConnectionThatWaitsForPushesMayBeIdle() async throws {
        try await TestServer(limits: TransportLimits(handshakeTimeout: .seconds(60), idleTimeout: .seconds(2))).run {
            server in
            // On a slow machine one may be idle before it has asked for anything.
            var waiting: ClientConnection?
            var counter: UInt64 = 0
            while waiting == nil {
                counter += 1
                let connection = try await server.connect(counter: counter)
                if (try? await connection.request(subscribe)) != nil { waiting = connection }
            }
            // Others that come later are closed meanwhile.
            for _ in 0..<2 {
                counter += 1
                let other = try await server.connect(counter: counter)
                _ = try await other.request(ping)
                for await _ in other.pushes {}
            }
            #expect(try await waiting?.request(ping).pong == WirePong())
        }
    }

    @Test func oneAddressCannotTakeAllPlaces() async throws {
        let limits = TransportLimits(connections: 10, connectionsPerAddress: 2, handshakeTimeout: .seconds(60))
        try await TestServer(limits: limits).run { server in
            let one = try await server.connect(counter: 1)
            let two = try await server.connect(counter: 2)
            await #expect(throws: TransportError.self) { _ = try await server.connect(counter: 3) }
            #expect(server.access.lookups == 2)
            await one.close()
            var third: ClientConnection?
            for counter in 4..<100 where third == nil {
                third = try? await server.connect(counter: UInt64(counter))
                if third == nil { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(third != nil)
            await two.close()
        }
    }

    @Test func aPortInUse() async throws {
        let server = try await TestServer()
        let (host, port) = try #require(TransportClient.split(server.address))
        let error = await #expect(throws: TransportError.self) {
            _ = try await TransportServer.bind(
                addresses: [("127.0.0.1", 0), (host, UInt16(port))], staticKey: server.nodeKey, access: server.access,
                handler: server.handler, limits: TransportLimits(), group: server.group, logger: quietLogger)
        }
        #expect(error?.description.contains(server.address) == true)
        #expect(error?.description.contains("in use") == true)
    }

    @Test func goodbye() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(ping)
            server.server.sayGoodbye()
            for await _ in connection.pushes {}
            #expect(!connection.isActive)
        }
    }

    @Test func malformedRequestsAreRefusedAndLimitsTold() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            let empty = try await connection.request(WireRequest())
            #expect(empty.refusal.code == .malformed)
            let large = try await connection.request(deposit(body: Limits.bodyBytes + 1))
            #expect(large.refusal.code == .tooLarge)
            #expect(try await connection.request(ping).pong == WirePong())
            let error = await #expect(throws: TransportError.self) {
                _ = try await connection.request(deposit(body: Limits.requestBytes + 1))
            }
            guard case .closed(.limit, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }
}
