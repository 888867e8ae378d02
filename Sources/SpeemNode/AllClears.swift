import Logging
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// Tells senders that were refused for want of space when there is some again, so that nobody has to ask by the clock.
actor AllClears {
    private let state: NodeState
    private let server: ServerReference
    /// Waits a random while, so that not all of them come back in one moment.
    private let pause: @Sendable () async -> Void
    private var backPressure = BackPressure()
    private var isLooking = false
    private var looksAgain = false

    init(
        state: NodeState, server: ServerReference,
        pause: @escaping @Sendable () async -> Void = {
            try? await Task.sleep(for: .milliseconds(Int64.random(in: 0...2000)))
        }
    ) {
        self.state = state
        self.server = server
        self.pause = pause
    }

    func isWaiting(_ party: Int64) -> Bool { backPressure.isWaiting(party) }

    /// A deposit was refused; returns whether the party will be told when there is space.
    func refused(_ size: Int64, of party: Int64) async -> Bool {
        let share = state.mailboxes.quota.share(of: .init(party: party), contacts: state.access.contacts)
        let isKept = backPressure.refused(size, of: party, share: share)
        // Space may have come free since it was refused.
        if isKept { await spaceFreed() }
        return isKept
    }

    /// Something was deleted, or shares have grown.
    func spaceFreed() async {
        guard !backPressure.isEmpty else { return }
        // One look is for all that came before it.
        looksAgain = true
        guard !isLooking else { return }
        isLooking = true
        defer { isLooking = false }
        while looksAgain {
            looksAgain = false
            let parties = backPressure.parties
            let contacts = state.access.contacts
            do {
                let space = try await state.store.read { [mailboxes = state.mailboxes] connection in
                    var space: [Int64: (free: Int64, share: Int64)] = [:]
                    for party in parties {
                        let depositor = Quota.Depositor(party: party)
                        space[party] = (
                            try mailboxes.free(for: party, as: depositor, contacts: contacts, in: connection),
                            mailboxes.quota.share(of: depositor, contacts: contacts)
                        )
                    }
                    return space
                }
                for party in backPressure.spaceFreed(space) { Task { await tell(party) } }
            } catch {
                // The next deletion asks again, and senders try by the clock.
                state.logger.debug("cannot look for space: \(error)")
            }
        }
    }

    private func tell(_ party: Int64) async {
        await pause()
        let push = WirePush.with { $0.allClear = WireAllClear() }
        for peer in server.peers(of: state.access.grants(of: party)) { Task { await peer.push([push]) } }
    }
}
