import SpeemIdentity
import SpeemSync

/// A device: what it has committed, and what a restart forgets.
struct SimulatedDevice {
    struct Received {
        let node: Int
        let sequence: Int
        let letter: Letter
    }

    /// What is on disk. A transaction changes a copy and puts it back, or is cut off and does not.
    struct State {
        let account: Int
        let keys: DeviceKeys
        let id: DeviceID
        /// The history that it was allowed.
        let since: UInt64
        /// By account.
        var rosters: [Roster]
        var replica = Replica()
        var seen: Set<Int> = []
        /// How often each letter was opened.
        var openings: [Int: Int] = [:]
        var parcels: [Parcel] = []
        /// Parcels that a node's outbox has, and which.
        var handedOver: [Int: Int] = [:]
        var changes: [RosterChange] = []
        var continuity: [Int: NodeContinuity] = [:]
        /// Contacts' devices whose grants are to be withdrawn.
        var revokes: Set<DeviceID> = []
        /// It has learned that it was removed.
        var isGone = false

        var own: Roster { rosters[account] }
        var isActive: Bool { !isGone && own.device(id) != nil }
    }

    var state: State
    var inbox: [Received] = []
    /// Accounts whose nodes have no room: their all-clear is waited for.
    var blocked: Set<Int> = []
    var isAwake = true

    init(_ state: State) { self.state = state }

    mutating func restart() {
        inbox = []
        blocked = []
        isAwake = true
    }
}
