public import SpeemCrypto

/// When an unowned node lets a code be tried, and how often.
///
/// One attempt at a time, each with a code of its own. An attempt begins before the node sends its share, and is a miss
/// unless a valid confirmation ends it: whoever hangs up instead of being told that the guess was wrong has guessed all
/// the same. After three misses only a new start or a command at the console opens the window again.
public struct ClaimWindow: Sendable {
    /// Misses after which the window closes.
    public static let missLimit = 3

    /// A use of a code.
    public struct Attempt: Sendable, Equatable {
        public let code: ClaimCode
        fileprivate let number: Int
    }

    /// Why no attempt begins.
    public enum Refusal: Error, Equatable, Sendable {
        /// Another one is going on.
        case busy
        case closed
    }

    /// What the end of an attempt leads to.
    public enum Outcome: Equatable, Sendable {
        /// The next attempt needs this code.
        case newCode(ClaimCode)
        case closed
        /// The console has opened the window anew in between, or closed it: the attempt counts for nothing, and nothing
        /// may be handed over for it.
        case superseded
    }

    private enum State: Sendable {
        case open(ClaimCode, misses: Int)
        case trying(number: Int, misses: Int)
        case closed
    }

    private var state: State
    private var attempts = 0

    /// Open, with a first code.
    public init(random: some RandomSource) {
        state = .open(ClaimCode(random: random), misses: 0)
    }

    /// The code that the next attempt needs; nil while one is going on, and when the window is closed.
    public var code: ClaimCode? {
        switch state {
        case .open(let code, _): code
        case .trying, .closed: nil
        }
    }

    public var isClosed: Bool {
        switch state {
        case .open, .trying: false
        case .closed: true
        }
    }

    /// Uses the code up.
    public mutating func begin() throws(Refusal) -> Attempt {
        switch state {
        case .open(let code, let misses):
            attempts += 1
            state = .trying(number: attempts, misses: misses)
            return Attempt(code: code, number: attempts)
        case .trying: throw .busy
        case .closed: throw .closed
        }
    }

    /// Ends an attempt, as soon as it is known whether the device had the code, and before anything is handed over.
    public mutating func end(_ attempt: Attempt, confirmed: Bool, random: some RandomSource) -> Outcome {
        guard case .trying(attempt.number, let misses) = state else { return .superseded }
        // Who had the code may lose the answer, and then reads the next one: nobody guessed.
        let total = confirmed ? 0 : misses + 1
        guard total < Self.missLimit else {
            state = .closed
            return .closed
        }
        let code = ClaimCode(random: random)
        state = .open(code, misses: total)
        return .newCode(code)
    }

    /// Opens the window with a new code and no misses, whatever was before: the person at the console wants it.
    public mutating func reopen(random: some RandomSource) -> ClaimCode {
        let code = ClaimCode(random: random)
        state = .open(code, misses: 0)
        return code
    }

    /// Closes the window: the node has an owner.
    public mutating func close() { state = .closed }
}
