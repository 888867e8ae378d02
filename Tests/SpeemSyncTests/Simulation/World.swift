import SpeemIdentity
import SpeemSync

/// Two accounts, their devices and nodes, and a network that loses what it likes.
final class World {
    /// A text as a person sent it.
    struct Sent {
        let id: [UInt8]
        let text: String
        let sender: DeviceID
        let accounts: Set<Int>
        /// Devices that the accounts had.
        let required: Set<DeviceID>
    }

    static let nodesOfAccount = 2

    let bug: Bug?
    var generator: SeededGenerator
    var time: UInt64 = 1000
    var devices: [SimulatedDevice] = []
    /// `account * nodesOfAccount + place`.
    var nodes: [SimulatedNode] = []
    var isOn = [Bool](repeating: true, count: 4)
    var snapshots: [[SimulatedNode]] = [[], [], [], []]
    /// Accounts where a node went back: their devices compare now and then, noticed or not.
    var wentBack: Set<Int> = []
    /// Everything that ever reached a node.
    var wire: [Letter] = []
    var sent: [Sent] = []
    var violations: [String] = []
    /// In 100: how often a request or an answer is lost.
    var loss: Int
    /// Counts what moved.
    var activity = 0
    /// What happened, and how often: a simulation in which something never happens shows nothing about it.
    var tally: [Happening: Int] = [:]
    private var numbers = 0

    enum Happening: CaseIterable {
        case duplicate, refusedSender, undecidedSender, missedDevice, secondFanOut
        case mailboxFull, allClear, unknownMailbox, outboxStored, outboxRefused, outboxLost
        case wentBack, anotherStore, lostRace, cutOff, askedAboutMore, changedItem, secondNode, removal
    }

    func note(_ happening: Happening) { tally[happening, default: 0] += 1 }

    init(bug: Bug?, loss: Int) {
        self.bug = bug
        self.loss = loss
        generator = SeededGenerator(seed: 0)
        for account in 0..<2 {
            for place in 0..<Self.nodesOfAccount {
                nodes.append(
                    SimulatedNode(
                        account: account, epoch: number(), roster: place == 0 ? KeyPool.rosters[account] : nil))
            }
            for keys in KeyPool.devices[account].prefix(2) {
                devices.append(
                    SimulatedDevice(
                        SimulatedDevice.State(
                            account: account, keys: keys, id: keys.entry.id, since: 0, rosters: KeyPool.rosters)))
            }
        }
    }

    /// Never used twice.
    func number() -> Int {
        numbers += 1
        return numbers
    }

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

    func home(of account: Int) -> Int { account * Self.nodesOfAccount }

    /// The account's chain as the home node has it: what counts.
    func truth(_ account: Int) -> Roster {
        guard let roster = nodes[home(of: account)].roster else { preconditionFailure("home is owned from the start") }
        return roster
    }

    /// A node by its entry in a roster.
    func index(of node: NodeEntry) -> Int {
        for account in KeyPool.nodes.indices {
            if let place = KeyPool.nodes[account].firstIndex(where: { $0.noise == node.noise }) {
                return account * Self.nodesOfAccount + place
            }
        }
        preconditionFailure("all nodes come from the pool")
    }

    /// Changes what a device has on disk, all or nothing.
    @discardableResult
    func commit<Result>(_ device: Int, _ body: (inout SimulatedDevice.State) -> Result) -> Result {
        var state = devices[device].state
        let result = body(&state)
        state.parcels.removeAll { $0.isOver }
        devices[device].state = state
        return result
    }

    // MARK: Writing

    /// Seals `content` to `targets`, all of them devices of `account`.
    func seal(
        _ content: Content, to targets: [DeviceID], of account: Int, isKept: Bool = false,
        _ state: inout SimulatedDevice.State
    ) {
        guard !targets.isEmpty else { return }
        let parcel = number()
        state.parcels.append(
            Parcel(number: parcel, account: account, content: content, isKept: isKept, letters: [:], states: [:]))
        for target in targets { add(target, to: state.parcels.count - 1, &state) }
    }

    func add(_ target: DeviceID, to place: Int, _ state: inout SimulatedDevice.State) {
        let parcel = state.parcels[place]
        state.parcels[place].letters[target] = Letter(
            number: number(), parcel: parcel.number, sender: state.id, account: state.account, target: target,
            heads: MessageHeads(sender: state.own.head, recipient: state.rosters[parcel.account].head),
            content: parcel.content, known: state.rosters[parcel.account].entries.count)
        state.parcels[place].states[target] = .waiting
    }

    /// Tells the other own devices of a change that was made here.
    func tellOwn(_ update: Replica.Update, _ state: inout SimulatedDevice.State) {
        guard !update.isEmpty, bug != .fanOutForgetsOwnDevices,
            let fanOut = FanOut(from: state.id, own: state.own, to: state.own)
        else { return }
        seal(.update(update), to: fanOut.own.map(\.id), of: state.account, &state)
    }

    /// A message, from the first copy on.
    func write(to account: Int, _ state: inout SimulatedDevice.State) {
        guard let fanOut = FanOut(from: state.id, own: state.own, to: state.rosters[account]) else { return }
        let number = number()
        let id = (0..<32).map { $0 < 8 ? UInt8(truncatingIfNeeded: number >> (8 * $0)) : 7 }
        let text = "text \(number)"
        let record = MessageRecord(
            id: id, conversation: state.rosters[account].account, isOutgoing: true, sent: time, text: text)
        state.replica.apply(Replica.Update(records: [record]))
        var targets = fanOut.recipients.map(\.id)
        if bug == .fanOutToRemovedDevices, account != state.account {
            targets = Set(state.rosters[account].entries.flatMap(\.devices).map(\.id)).sorted(by: Self.isBefore)
        }
        let theirs = MessageRecord(
            id: id, conversation: state.own.account, isOutgoing: false, sent: time, text: text)
        seal(.text(theirs), to: targets, of: account, isKept: true, &state)
        tellOwn(Replica.Update(records: [record]), &state)
        let accounts: Set = [state.account, account]
        sent.append(
            Sent(
                id: id, text: text, sender: state.id, accounts: accounts,
                required: Set(accounts.flatMap { truth($0).devices.map(\.id) })))
    }

    /// Begins to compare with another own device.
    func compare(with device: DeviceID, _ state: inout SimulatedDevice.State) {
        let number = number()
        let salt = (0..<16).map { UInt8(truncatingIfNeeded: number >> (8 * min($0, 7))) }
        let index = ReplicaIndex(state.replica, salt: salt, since: state.since)
        let round = Content.Round(
            salt: salt, since: state.since, isAnswer: false, bytes: Reconciler(index.set).begin(), wanted: [])
        seal(.reconcile(round), to: [device], of: state.account, &state)
    }

    static func isBefore(_ one: DeviceID, _ other: DeviceID) -> Bool {
        one.bytes.lexicographicallyPrecedes(other.bytes)
    }
}
