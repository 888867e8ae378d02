import SpeemIdentity
import SpeemSync

/// What a sealed message says in the simulation.
enum Content {
    case text(MessageRecord)
    /// From an own device.
    case update(Replica.Update)
    /// The numbers of parcels that arrived.
    case receipt([Int])
    /// Only the heads count.
    case notice
    case reconcile(Round)

    /// A message of a reconciliation.
    struct Round {
        let salt: [UInt8]
        let since: UInt64
        let isAnswer: Bool
        /// Empty: only `wanted` counts.
        let bytes: [UInt8]
        let wanted: [UInt64]
    }
}

/// An envelope: what was sealed to one device. Two copies of one letter have the same hash, here its number.
final class Letter {
    let number: Int
    /// What it is a copy of.
    let parcel: Int
    let sender: DeviceID
    let account: Int
    let target: DeviceID
    let heads: MessageHeads
    let content: Content
    /// Entries of the recipient's roster that the sender knew.
    let known: Int

    init(
        number: Int, parcel: Int, sender: DeviceID, account: Int, target: DeviceID, heads: MessageHeads,
        content: Content, known: Int
    ) {
        self.number = number
        self.parcel = parcel
        self.sender = sender
        self.account = account
        self.target = target
        self.heads = heads
        self.content = content
        self.known = known
    }
}

/// Letters of one message to devices of one account, as the sending device keeps them.
struct Parcel {
    enum State {
        case waiting
        case stored
        case delivered
    }

    let number: Int
    let account: Int
    let content: Content
    /// Kept until each device has sent a receipt; else until a node has it.
    let isKept: Bool
    var letters: [DeviceID: Letter]
    var states: [DeviceID: State]

    /// Letters that a device has not confirmed, in an order that does not depend on the process.
    var undelivered: [Letter] {
        letters.values.filter { states[$0.target] != .delivered }.sorted { $0.number < $1.number }
    }
    var isOver: Bool {
        states.values.allSatisfy { state in
            switch state {
            case .waiting: false
            case .stored: !isKept
            case .delivered: true
            }
        }
    }
}

/// Rules that are switched off, one at a time, to see that the simulation notices.
enum Bug: CaseIterable {
    case noSeenSet
    case acknowledgeBeforeCommit
    case fanOutForgetsOwnDevices
    case fanOutToRemovedDevices
    case registersIgnoreStamps
    case nodeWithoutCompareAndSwap
    /// The rules that go beyond one message.
    case noSecondFanOut
    case noComparingAfterRemoval
    case unknownSendersAreDropped
    case changedItemsAreForgotten
}
