import Logging
import SpeemCrypto
import Testing

@testable import SpeemDiscovery

struct DiscoveryTests {
    @Test func portsThatOthersCanConnectTo() {
        #expect(Discovery.port(of: ["127.0.0.1:1", "[::1]:2", "[::]:3"]) == 3)
        #expect(Discovery.port(of: ["0.0.0.0:4404"]) == 4404)
        #expect(Discovery.port(of: ["192.0.2.1:70000", "192.0.2.1"]) == nil)
        #expect(Discovery.port(of: ["127.0.0.1:1"]) == nil)
        #expect(Discovery.port(of: []) == nil)
    }

    /// With avahi-daemon or without, it runs until it is told to end, and ends then.
    @Test func runsUntilItIsCancelled() async throws {
        let discovery = Discovery(settings: DiscoverySettings(), logger: Logger(label: "test")) {}
        let key = try #require(EndpointKey(SecretBytes([UInt8](repeating: 1, count: 32))))
        discovery.publish(Publication(.holders(of: key), port: 4404))
        discovery.recognise([[1]: key])
        let task = Task { await discovery.run() }
        try await Task.sleep(for: .milliseconds(200))
        discovery.publish(nil)
        discovery.unreachable("192.0.2.1:1")
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await task.value
        #expect(discovery.peers.isEmpty)
        // Nobody is there any more to be woken.
        discovery.publish(Publication(.everybody, port: 1))
        discovery.recognise([:])
    }

    @Test func endsAtOnceWhenItWasCancelledBefore() async {
        let discovery = Discovery(settings: DiscoverySettings(), logger: Logger(label: "test")) {}
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await discovery.run()
        }
        await task.value
    }

    @Test func wordsSayWhatToDo() {
        for problem in [
            DiscoveryProblem.noSystemBus, .noDaemon, .refused("access denied"), .failed("timeout reached"),
        ] {
            #expect(problem.description.hasPrefix("peers on this network are not found: "))
            #expect(!problem.hint.isEmpty)
        }
        #expect(AvahiError(code: -26).problem == .noDaemon)
        #expect(AvahiError(code: -22).problem == .noSystemBus)
        #expect(AvahiError(code: -20).problem == .refused("access denied"))
        #expect(AvahiError(code: -15).problem == .failed("timeout reached"))
    }
}
