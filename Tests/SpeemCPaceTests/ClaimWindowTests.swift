import SpeemCrypto
import Testing

@testable import SpeemCPace

struct ClaimWindowTests {
    private let random = SystemRandomSource()
    private var window = ClaimWindow(random: SystemRandomSource())

    @Test func opensWithACode() throws {
        #expect(window.code != nil)
        #expect(!window.isClosed)
    }

    @Test mutating func anAttemptUsesTheCodeUp() throws {
        let shown = window.code
        let attempt = try window.begin()
        #expect(attempt.code == shown)
        #expect(window.code == nil)
        guard case .newCode(let code) = window.end(attempt, confirmed: false, random: random) else {
            Issue.record("closed after one miss")
            return
        }
        #expect(code != shown)
        #expect(window.code == code)
    }

    @Test mutating func oneAttemptAtATime() throws {
        let attempt = try window.begin()
        #expect(throws: ClaimWindow.Refusal.busy) { try window.begin() }
        _ = window.end(attempt, confirmed: false, random: random)
        _ = try window.begin()
    }

    @Test mutating func threeMissesCloseIt() throws {
        for miss in 1...3 {
            let attempt = try window.begin()
            let outcome = window.end(attempt, confirmed: false, random: random)
            #expect((outcome == .closed) == (miss == 3))
        }
        #expect(window.isClosed && window.code == nil)
        #expect(throws: ClaimWindow.Refusal.closed) { try window.begin() }
    }

    @Test mutating func theRightCodeForgivesMisses() throws {
        for _ in 0..<3 {
            for confirmed in [false, false, true] {
                let attempt = try window.begin()
                #expect(window.end(attempt, confirmed: confirmed, random: random) != .closed)
            }
        }
        // The right code is used up, too.
        let shown = window.code
        let attempt = try window.begin()
        _ = window.end(attempt, confirmed: true, random: random)
        #expect(window.code != shown)
    }

    @Test mutating func theConsoleOpensItAnew() throws {
        for _ in 0..<3 { _ = window.end(try window.begin(), confirmed: false, random: random) }
        let code = window.reopen(random: random)
        #expect(window.code == code)
        // With all attempts.
        for miss in 1...3 {
            #expect((window.end(try window.begin(), confirmed: false, random: random) == .closed) == (miss == 3))
        }
    }

    /// What was begun with an older code counts for nothing, right or wrong, and takes nothing from the new one.
    @Test(arguments: [true, false]) mutating func aNewCodeSupersedesAnAttempt(confirmed: Bool) throws {
        let old = try window.begin()
        let code = window.reopen(random: random)
        #expect(window.end(old, confirmed: confirmed, random: random) == .superseded)
        #expect(window.code == code)
        let attempt = try window.begin()
        #expect(attempt.code == code)
        #expect(window.end(old, confirmed: confirmed, random: random) == .superseded)
        #expect(throws: ClaimWindow.Refusal.busy) { try window.begin() }
        guard case .newCode = window.end(attempt, confirmed: true, random: random) else {
            Issue.record("the new attempt does not count")
            return
        }
    }

    @Test mutating func anAttemptEndsOnce() throws {
        let attempt = try window.begin()
        _ = window.end(attempt, confirmed: false, random: random)
        for _ in 0..<5 { #expect(window.end(attempt, confirmed: false, random: random) == .superseded) }
        #expect(!window.isClosed)
    }

    @Test mutating func anOwnerClosesIt() throws {
        let attempt = try window.begin()
        window.close()
        #expect(window.end(attempt, confirmed: true, random: random) == .superseded)
        #expect(window.isClosed)
        #expect(throws: ClaimWindow.Refusal.closed) { try window.begin() }
    }
}
