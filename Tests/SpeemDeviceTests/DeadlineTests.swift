import Testing

@testable import SpeemDevice

struct DeadlineTests {
    @Test func theResultThatComesInTime() async {
        #expect(await Deadline.wait(.seconds(60)) { 7 } == 7)
    }

    @Test func nothingForWhatTakesTooLong() async {
        let never = AsyncStream<Int>.makeStream()
        #expect(await Deadline.wait(.milliseconds(5)) { await never.stream.first { _ in true } ?? 0 } == nil)
        never.continuation.finish()
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsTheWait() async {
        let never = AsyncStream<Int>.makeStream()
        let task = Task { await Deadline.wait(.seconds(3600)) { await never.stream.first { _ in true } ?? 0 } }
        task.cancel()
        #expect(await task.value == nil)
        never.continuation.finish()
    }
}
