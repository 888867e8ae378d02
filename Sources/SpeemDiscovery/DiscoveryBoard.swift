import Synchronization

/// Where the thread that talks to avahi-daemon and the rest of the process leave each other what they know.
final class DiscoveryBoard: Sendable {
    /// What the thread is to do.
    struct Wishes: Sendable, Equatable {
        var publications: [Publication] = []
        var candidates: [[UInt8]: EndpointKey] = [:] { didSet { version += 1 } }
        /// Of the candidates: every record of a stranger is compared with all of them when they change.
        private(set) var version = 0
    }

    /// What the thread has found.
    struct Findings: Sendable, Equatable {
        var peers: [[UInt8]: [FoundAddress]] = [:]
        var unowned: [FoundAddress] = []
        var strangers = 0
        var problem: DiscoveryProblem?
    }

    private struct State {
        var wishes: Wishes? = Wishes()
        /// Addresses at which nobody answered.
        var doubts: Set<String> = []
        var findings = Findings()
    }

    private let state = Mutex(State())
    /// Of the thread.
    let wakeUp = WakeUp()
    private let changed: @Sendable (Findings, Findings) -> Void

    /// - Parameter changed: called on the thread with what was known and what is known.
    init(changed: @escaping @Sendable (Findings, Findings) -> Void) { self.changed = changed }

    /// What is to be done; nil: the thread is to end.
    var wishes: Wishes? { state.withLock { $0.wishes } }
    var findings: Findings { state.withLock { $0.findings } }

    /// Changes what the thread is to do, and wakes it.
    func wish(_ change: (inout Wishes) -> Void) {
        state.withLock { state in
            guard var wishes = state.wishes else { return }
            change(&wishes)
            guard wishes != state.wishes else { return }
            state.wishes = wishes
        }
        wakeUp.wake()
    }

    /// Nobody answered at an address that was found.
    func doubt(_ address: String) {
        state.withLock { state in
            guard state.doubts.count < FoundPeers.maxPlaces else { return }
            state.doubts.insert(address)
        }
        wakeUp.wake()
    }

    func close() {
        state.withLock { $0.wishes = nil }
        wakeUp.wake()
    }

    // MARK: The thread's side

    func takeDoubts() -> Set<String> {
        state.withLock { state in
            defer { state.doubts = [] }
            return state.doubts
        }
    }

    func publish(_ found: FoundPeers) {
        update { findings in
            findings.peers = found.peers
            findings.unowned = found.unowned
            findings.strangers = found.strangers
        }
    }

    func report(_ problem: DiscoveryProblem?) { update { $0.problem = problem } }

    private func update(_ change: (inout Findings) -> Void) {
        let (before, after) = state.withLock { state in
            let before = state.findings
            change(&state.findings)
            return (before, state.findings)
        }
        if before != after { changed(before, after) }
    }
}
