import NIOPosix
import SpeemIdentity
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

extension TestDevice {
    /// A further device of this one's account, linked over the node.
    func linked(_ name: String, history: String = "all") async throws -> TestDevice {
        let invite = try Invite(
            text: try await call("invite", ["kind": .string("device")])["invite"]?.stringValue ?? "")
        let device = try TestDevice(empty: name)
        let config = device.config
        async let joined: Void = {
            let joining = try await Joining.begin(
                invite, config: config, group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
            do {
                try await joining.run {}
                await joining.close()
            } catch {
                await joining.close()
                throw error
            }
        }()
        var asking: String?
        for _ in 0..<200 where asking == nil {
            asking = try await call("devices")["asking"]?.arrayValue?.first?["device"]?.stringValue
            if asking == nil { try await Task.sleep(for: .milliseconds(50)) }
        }
        _ = try await call(
            "devices.link", ["name": .string(try #require(asking)), "history": .string(history)])
        try await joined
        return device
    }

    /// Lets devices read and send in turns, as if each were opened so often.
    static func sync(_ devices: [TestDevice], rounds: Int = 3) async throws {
        for _ in 0..<rounds {
            for device in devices { _ = try await device.call("devices") }
        }
    }

    func texts() async throws -> [String] {
        try await open { device in
            try await device.state.store.read { connection in
                try connection.query("SELECT text FROM message WHERE deleted = 0 ORDER BY sent_ms, id") {
                    row throws(StoreError) in try row.text(0)
                }
            }
        }
    }
}
