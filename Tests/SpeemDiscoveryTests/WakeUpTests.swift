import Testing

@testable import SpeemDiscovery

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct WakeUpTests {
    private func isAwake(_ wakeUp: WakeUp) -> Bool {
        var descriptor = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) == 1
    }

    @Test func aCallBeforeTheWaitIsNotLost() {
        let wakeUp = WakeUp()
        #expect(!isAwake(wakeUp))
        wakeUp.wake()
        #expect(isAwake(wakeUp))
        #expect(isAwake(wakeUp))
        wakeUp.drain()
        #expect(!isAwake(wakeUp))
    }

    /// More calls than a pipe holds block nobody.
    @Test func callsWithoutEnd() {
        let wakeUp = WakeUp()
        for _ in 0..<100_000 { wakeUp.wake() }
        #expect(isAwake(wakeUp))
        wakeUp.drain()
        #expect(!isAwake(wakeUp))
    }
}
