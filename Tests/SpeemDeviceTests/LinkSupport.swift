import Foundation
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemIdentity
import SpeemTransport
import Testing

@testable import SpeemDevice

extension TestDevice {
    /// A link invite of this device.
    func deviceInvite() async throws -> String {
        try await call("invite", ["kind": .string("device")])["invite"]?.stringValue ?? ""
    }

    /// Takes up a link invite, and closes when the request is at the node: as if the program were killed there.
    func ask(_ invite: String) async throws {
        let joining = try await begin(invite)
        let (asked, continuation) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            defer { continuation.finish() }
            try await joining.run { continuation.yield() }
        }
        var isAsked = false
        for await _ in asked {
            isAsked = true
            break
        }
        task.cancel()
        let result = await task.result
        await joining.close()
        if !isAsked { try result.get() }
    }

    /// Takes up a link invite, and waits for the answer.
    func join(_ invite: String, onAsked: @escaping @Sendable () async -> Void = {}) async throws {
        let joining = try await begin(invite)
        do {
            try await joining.run { Task { await onAsked() } }
            await joining.close()
        } catch {
            await joining.close()
            throw error
        }
    }

    func begin(_ invite: String) async throws -> Joining {
        try await Joining.begin(
            Invite(text: invite), config: config, group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
    }

    /// Says yes to the only device that asks.
    func sayYes(history: String = "all") async throws {
        let asking = try await call("devices")["asking"]?.arrayValue ?? []
        let id = try #require(asking.first?["device"]?.stringValue)
        try await call("devices.link", ["name": .string(id), "history": .string(history)])
    }

    /// Links another device to this one's account.
    func link(_ other: TestDevice, history: String = "all") async throws {
        let invite = try await deviceInvite()
        try await other.ask(invite)
        try await sayYes(history: history)
        try await other.join(invite)
    }

    func recover(
        _ words: RecoveryWords, at node: NodeEntry, others: Recovery.Others = .keep
    ) async throws {
        try await Recovery.run(
            AccountKey(words: words.words.joined(separator: " ")), node: node, others: others, config: config,
            group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
    }

    /// Names of the listed devices, as this one sees them.
    func devices() async throws -> [String] {
        (try await call("devices")["devices"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }.sorted()
    }

    /// What the person has not been told yet; it counts as told.
    func notices() async throws -> [String] {
        let notices = try await call("notices").arrayValue ?? []
        if let last = notices.last?["number"] { try await call("notices", ["shown": last]) }
        return notices.compactMap { $0["text"]?.stringValue }
    }

    func sync() async throws { _ = try await open { await $0.sync() } }

    func roster() async throws -> Roster { try await open { try await $0.state.roster() } }
}

/// Waits until something is so: for a minute at the most, which a busy machine may need.
func eventually(
    _ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("it has not come to be", sourceLocation: sourceLocation)
}
