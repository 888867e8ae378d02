import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SpeemTransport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private final class TestControl: ControlHandler {
    let cancelled = Mutex(0)

    func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON {
        switch method {
        case "echo": return parameters
        case "count":
            for number in 1...3 { try await session.notify("number", .integer(Int64(number))) }
            return .string("done")
        case "hang":
            do { try await Task.sleep(for: .seconds(60)) } catch { cancelled.withLock { $0 += 1 } }
            return .null
        case "refuse": throw ControlError(code: 1, message: "no", hint: "ask again")
        default: throw ControlError.methodNotFound(method)
        }
    }
}

struct ControlTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    private func run(_ body: @Sendable @escaping (String, TestControl) async throws -> Void) async throws {
        let path = "/tmp/speem-\(UInt64.random(in: 0 ... .max)).sock"
        let control = TestControl()
        let server = try await ControlServer.bind(path: path, handler: control, group: group, logger: quietLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await server.run() }
            try await body(path, control)
            tasks.cancelAll()
        }
        #expect(access(path, F_OK) != 0)
    }

    /// Sends raw lines and returns what comes back, up to `count` lines.
    private func raw(_ path: String, _ bytes: [UInt8], lines count: Int) async throws -> [JSON] {
        let channel = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([ByteToMessageHandler(LineDecoder()), LineEncoder()])
                return try NIOAsyncChannel<[UInt8], [UInt8]>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(bytes)
            var answers: [JSON] = []
            for try await line in inbound {
                answers.append(try #require(JSON.parse(line)))
                if answers.count == count { break }
            }
            return answers
        }
    }

    @Test func callsAndNotifications() async throws {
        try await run { path, _ in
            let client = ControlClient(path: path, group: MultiThreadedEventLoopGroup.singleton)
            let value = JSON.object(["a": .array([.integer(1), .null, .bool(true), .string("ü\n\"")])])
            #expect(try await client.call("echo", value) == value)
            let seen = Mutex<[JSON]>([])
            let result = try await client.call("count") { method, parameters in
                #expect(method == "number")
                seen.withLock { $0.append(parameters) }
            }
            #expect(result == .string("done"))
            #expect(seen.withLock { $0 } == [.integer(1), .integer(2), .integer(3)])
            await #expect(throws: ControlError(code: 1, message: "no", hint: "ask again")) {
                _ = try await client.call("refuse")
            }
            await #expect(throws: ControlError.methodNotFound("nothing")) { _ = try await client.call("nothing") }
        }
    }

    @Test func onlyTheOwnerMayConnect() async throws {
        try await run { path, _ in
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(UInt32(status.st_mode) & 0o777 == 0o600)
        }
    }

    @Test func badLinesAreAnswered() async throws {
        try await run { path, _ in
            for (line, code) in [
                ("hello", -32700), ("[]", -32600), ("{}", -32600),
                ("{\"jsonrpc\":\"1.0\",\"method\":\"echo\"}", -32600),
                ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}", -32600),
                ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}", -32601), ("\u{0}\u{1}", -32700),
            ] as [(String, Int64)] {
                let answers = try await raw(path, Array((line + "\n").utf8), lines: 1)
                #expect(answers.first?["error"]?["code"] == .integer(code), "\(line)")
            }
            // A notification has no answer; what follows has.
            let text =
                "{\"jsonrpc\":\"2.0\",\"method\":\"refuse\"}\n\n{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\",\"params\":5}\n"
            let answers = try await raw(path, Array(text.utf8), lines: 1)
            #expect(answers.first?["id"] == .string("x"))
            #expect(answers.first?["result"] == .integer(5))
        }
    }

    @Test func aLineOverTheLimitEndsTheConnection() async throws {
        try await run { path, _ in
            let long = [UInt8](repeating: UInt8(ascii: "x"), count: ControlLimits.lineBytes + 10)
            let answers = try? await raw(path, long, lines: 1)
            #expect(answers?.isEmpty ?? true)
            let client = ControlClient(path: path, group: MultiThreadedEventLoopGroup.singleton)
            let answer = try await client.call("echo", .integer(1))
            #expect(answer == .integer(1))
        }
    }

    @Test func aClientThatGoesCancelsItsMethod() async throws {
        try await run { path, control in
            let text =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hang\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n"
            _ = try await raw(path, Array(text.utf8), lines: 1)
            for _ in 0..<200 where control.cancelled.withLock({ $0 }) == 0 {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(control.cancelled.withLock { $0 } == 1)
        }
    }

    @Test func nobodyServes() async throws {
        let client = ControlClient(path: "/tmp/speem-nobody.sock", group: group)
        #expect(try await client.call("echo") == nil)
        // Neither does what a killed process left.
        let path = "/tmp/speem-\(UInt64.random(in: 0 ... .max)).sock"
        try await ServerBootstrap(group: group).bind(unixDomainSocketPath: path).get().close()
        if access(path, F_OK) == 0 { #expect(try await ControlClient(path: path, group: group).call("echo") == nil) }
        unlink(path)
    }

    @Test(arguments: ["/etc/passwd/control.sock", "/tmp/" + String(repeating: "x", count: 300)])
    func aSocketThatCannotBeUsedIsNoMissingDaemon(path: String) async throws {
        let error = await #expect(throws: TransportError.self) {
            _ = try await ControlClient(path: path, group: group).call("echo")
        }
        guard case .unreachable(path, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test func aDeniedSocketIsNamedWithItsOwner() throws {
        let words = ControlClient.words(IOError(errnoCode: EACCES, reason: "connect"), "/tmp/no-such-folder/x.sock")
        #expect(words.contains("/tmp belongs to the user with id 0"))
    }

    @Test(.timeLimit(.minutes(1))) func connectionsAreLimited() async throws {
        let path = "/tmp/speem-\(UInt64.random(in: 0 ... .max)).sock"
        let server = try await ControlServer.bind(
            path: path, handler: TestControl(), group: group, logger: quietLogger)
        let running = Task { await server.run() }
        var held: [any Channel] = []
        for _ in 0..<ControlLimits.connections {
            held.append(try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get())
        }
        while server.listener.places.count < ControlLimits.connections { await Task.yield() }
        let client = ControlClient(path: path, group: group)
        await #expect(throws: TransportError.disconnected) { _ = try await client.call("echo") }
        try await held[0].close()
        var answer: JSON?
        while answer == nil { answer = try? await client.call("echo", .integer(1)) }
        #expect(answer == .integer(1))
        running.cancel()
        await running.value
        for channel in held { try await channel.closeFuture.get() }
    }

    @Test(.timeLimit(.minutes(2)), arguments: 0..<10)
    func stoppingAmongNewConnections(round: Int) async throws {
        let path = "/tmp/speem-\(UInt64.random(in: 0 ... .max)).sock"
        let recorder = LevelRecorder()
        let server = try await ControlServer.bind(
            path: path, handler: TestControl(), group: group, logger: recorder.logger)
        let running = Task { await server.run() }
        await withTaskGroup(of: Void.self) { clients in
            for _ in 0..<30 {
                clients.addTask { _ = try? await ControlClient(path: path, group: group).call("echo") }
            }
            for _ in 0..<round { await clients.next() }
            running.cancel()
        }
        await running.value
        #expect(recorder.seen.allSatisfy { $0 < .error })
        #expect(access(path, F_OK) != 0)
    }

    @Test func aLongLineHasWords() {
        #expect("\(LineDecoder.LineTooLong())" == "a line has more than 8388608 bytes")
    }

    @Test func aSocketThatWasLeftIsReplaced() async throws {
        let path = "/tmp/speem-\(UInt64.random(in: 0 ... .max)).sock"
        let left = try await ServerBootstrap(group: group).bind(unixDomainSocketPath: path).get()
        // The file stays when the process is killed.
        let server = try await ControlServer.bind(path: path, handler: TestControl(), group: group, logger: quietLogger)
        #expect(server.path == path)
        try await left.close()
        unlink(path)
        await #expect(throws: TransportError.self) {
            _ = try await ControlServer.bind(
                path: "/nowhere/control.sock", handler: TestControl(), group: group, logger: quietLogger)
        }
    }
}

struct JSONTests {
    @Test(arguments: [
        "null", "true", "-5", "1.5", "\"a\\u0000b\"", "[]", "[1,[2,[3]]]", "{}", "{\"a\":{\"b\":null},\"c\":\"/\"}",
        "9223372036854775807", "-9223372036854775808",
    ])
    func comesBackAsItWas(text: String) throws {
        let value = try #require(JSON.parse(Array(text.utf8)))
        #expect(JSON.parse(Array(value.line.utf8)) == value)
        #expect(JSON.parse(Array(value.pretty.utf8)) == value)
        #expect(!value.line.contains("\n"))
    }

    @Test(arguments: ["", "{", "nul", "{\"a\"}", "1 2", "\"\u{1}", "{'a':1}"])
    func isNotJSON(text: String) { #expect(JSON.parse(Array(text.utf8)) == nil) }

    @Test func deepNestingDoesNotTrap() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(JSON.parse(Array(deep.utf8)) == nil)
    }

    @Test func members() {
        let value = JSON.object(["s": .string("x"), "i": .integer(1), "b": .bool(false), "a": .array([.null])])
        #expect(value["s"]?.stringValue == "x" && value["i"]?.integerValue == 1 && value["b"]?.boolValue == false)
        #expect(value["a"]?.arrayValue == [.null] && value["none"] == nil && JSON.null["x"] == nil)
        #expect(value["s"]?.integerValue == nil && value["i"]?.stringValue == nil)
    }
}
