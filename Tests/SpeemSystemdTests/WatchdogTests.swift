import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import SpeemSystemd

struct WatchdogTests {
    private func run(_ watchdog: Watchdog, _ body: (ServiceGroup) async throws -> Void) async throws {
        let group = ServiceGroup(services: [watchdog], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await group.run() }
        try await body(group)
        await group.triggerGracefulShutdown()
        try await running.value
    }

    @Test func readyAndStopping() async throws {
        let test = try TestManager()
        try await run(Watchdog(try test.manager()) { true }) { _ in
            let first = try await test.next()
            #expect(first == "READY=1")
        }
        #expect(try await test.next() == "STOPPING=1")
    }

    @Test func aliveForAsLongAsItIs() async throws {
        let test = try TestManager()
        let alive = Atomic<Bool>(true)
        let asked = Atomic<Int>(0)
        let watchdog = Watchdog(try test.manager(["WATCHDOG_USEC": "20000"])) {
            asked.add(1, ordering: .relaxed)
            return alive.load(ordering: .relaxed)
        }
        try await run(watchdog) { _ in
            #expect(try await test.next() == "READY=1")
            for _ in 0..<3 { #expect(try await test.next() == "WATCHDOG=1") }
            alive.store(false, ordering: .relaxed)
            // One may be on its way.
            let count = asked.load(ordering: .relaxed)
            while asked.load(ordering: .relaxed) < count + 3 { try await Task.sleep(for: .milliseconds(5)) }
        }
        var last = try await test.next()
        while last == "WATCHDOG=1" { last = try await test.next() }
        #expect(last == "STOPPING=1")
    }
}
