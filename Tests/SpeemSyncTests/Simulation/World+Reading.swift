import SpeemIdentity
import SpeemSync

/// What a device makes of a letter.
extension World {
    /// Opens one letter in one transaction.
    ///
    /// - Returns: whether it is to be acknowledged.
    func open(_ letter: Letter, _ state: inout SimulatedDevice.State) -> Bool {
        guard letter.target == state.id else {
            violations.append("a letter came to a device that cannot open it")
            return true
        }
        if state.seen.contains(letter.number) {
            note(.duplicate)
            if bug != .noSeenSet { return true }
        }
        var reaction = RosterWatch.reaction(
            of: state.id, to: letter.heads, sender: state.rosters[letter.account], own: state.own)
        if reaction.fetchesSender { fetch(letter.account, naming: letter.heads.sender, &state) }
        if reaction.fetchesOwn { fetch(state.account, naming: letter.heads.recipient, &state) }
        guard state.isActive else { return false }
        switch RosterWatch.admission(
            of: letter.sender, naming: letter.heads.sender, under: state.rosters[letter.account])
        {
        case .accepted: break
        case .refused:
            note(.refusedSender)
            state.seen.insert(letter.number)
            return true
        case .undecided:
            note(.undecidedSender)
            return bug == .unknownSendersAreDropped
        }
        activity += 1
        state.seen.insert(letter.number)
        state.openings[letter.number, default: 0] += 1
        reaction = RosterWatch.reaction(
            of: state.id, to: letter.heads, sender: state.rosters[letter.account], own: state.own)
        if reaction.tellsSender { notify(letter.account, &state) }
        if !reaction.missedBy.isEmpty { note(.missedDevice) }
        take(letter, missedBy: reaction.missedBy, &state)
        return true
    }

    private func take(_ letter: Letter, missedBy: [DeviceID], _ state: inout SimulatedDevice.State) {
        switch letter.content {
        case .text(let record):
            state.replica.apply(Replica.Update(records: [record]))
            seal(.update(Replica.Update(records: [record])), to: missedBy, of: state.account, &state)
            acknowledge(letter, &state)
        case .notice: acknowledge(letter, &state)
        case .update(let update):
            join(update, &state)
            seal(.update(update), to: missedBy, of: state.account, &state)
        case .receipt(let parcels): confirm(parcels, by: letter.sender, &state)
        case .reconcile(let round): reconcile(round, with: letter.sender, &state)
        }
    }

    private func join(_ update: Replica.Update, _ state: inout SimulatedDevice.State) {
        guard bug == .registersIgnoreStamps else {
            state.replica.apply(update)
            return
        }
        let registers = state.replica.registers.merging(update.registers) { _, new in new }
        var fresh = Replica()
        fresh.apply(
            Replica.Update(
                registers: registers, records: Array(state.replica.messages.values) + update.records,
                marks: Array(state.replica.earlyMarks.values) + update.marks))
        state.replica = fresh
    }

    /// A receipt, to the device that keeps the letter.
    private func acknowledge(_ letter: Letter, _ state: inout SimulatedDevice.State) {
        guard state.rosters[letter.account].device(letter.sender) != nil else { return }
        seal(.receipt([letter.parcel]), to: [letter.sender], of: letter.account, &state)
    }

    private func confirm(_ parcels: [Int], by device: DeviceID, _ state: inout SimulatedDevice.State) {
        for place in state.parcels.indices where parcels.contains(state.parcels[place].number) {
            guard state.parcels[place].states[device] != nil else { continue }
            state.parcels[place].states[device] = .delivered
            guard case .text(let record) = state.parcels[place].content else { continue }
            let mark = MessageMark(id: record.id, progress: .delivered)
            tellOwn(state.replica.apply(Replica.Update(marks: [mark])), &state)
        }
    }

    private func reconcile(_ round: Content.Round, with device: DeviceID, _ state: inout SimulatedDevice.State) {
        // A device that was allowed less than it is asked about asks itself.
        guard round.since >= state.since else {
            note(.askedAboutMore)
            return compare(with: device, &state)
        }
        let index = ReplicaIndex(state.replica, salt: round.salt, since: round.since)
        func give(_ ids: [UInt64]) {
            let (update, isWhole) = index.update(for: ids, of: state.replica)
            if !update.isEmpty { seal(.update(update), to: [device], of: state.account, &state) }
            if !isWhole { note(.changedItem) }
            if !isWhole, bug != .changedItemsAreForgotten { compare(with: device, &state) }
        }
        func say(isAnswer: Bool, _ bytes: [UInt8], wanted: [UInt64]) {
            let next = Content.Round(
                salt: round.salt, since: round.since, isAnswer: isAnswer, bytes: bytes, wanted: wanted)
            seal(.reconcile(next), to: [device], of: state.account, &state)
        }
        let reconciler = Reconciler(index.set)
        do throws(ReconciliationError) {
            if round.isAnswer {
                let (found, next) = try reconciler.take(round.bytes)
                give(found.have)
                if next != nil || !found.need.isEmpty { say(isAnswer: false, next ?? [], wanted: found.need) }
            } else {
                give(round.wanted)
                if !round.bytes.isEmpty { say(isAnswer: true, try reconciler.answer(round.bytes), wanted: []) }
            }
        } catch {
            violations.append("a reconciliation failed: \(error)")
        }
    }

    // MARK: Rosters

    /// Tells a contact's devices that this account's roster has changed: the heads say it.
    func notify(_ account: Int, _ state: inout SimulatedDevice.State) {
        let head = state.own.head
        let isOnItsWay = state.parcels.contains { parcel in
            guard case .notice = parcel.content else { return false }
            return parcel.account == account && parcel.letters.values.allSatisfy { $0.heads.sender == head }
        }
        guard !isOnItsWay, let fanOut = FanOut(from: state.id, own: state.own, to: state.rosters[account]) else {
            return
        }
        seal(.notice, to: fanOut.recipients.map(\.id), of: account, isKept: true, &state)
    }

    /// Fetches a chain from a node of the account that can be reached.
    func fetch(_ account: Int, naming head: RosterHead?, _ state: inout SimulatedDevice.State) {
        for node in state.rosters[account].nodes.map({ index(of: $0) }) {
            guard isOn[node], !chance(loss), let chain = nodes[node].roster else { continue }
            take(chain, of: account, naming: head, &state)
            return
        }
    }

    /// Takes a chain that was fetched, and does what follows from it.
    func take(_ chain: Roster, of account: Int, naming head: RosterHead? = nil, _ state: inout SimulatedDevice.State) {
        let old = state.rosters[account]
        switch RosterWatch.outcome(of: chain, known: old, named: head ?? old.head) {
        case .unchanged, .withheld(taken: false): return
        case .taken, .withheld(taken: true): break
        case .fork: violations.append("a fork without an enemy")
        }
        activity += 1
        state.rosters[account] = chain
        let own = state.own
        if account == state.account {
            guard own.device(state.id) != nil else {
                note(.removal)
                state.isGone = old.device(state.id) != nil
                return
            }
            let id = state.id
            if chain.newest.signer == .device(id) { notify(1 - account, &state) }
        } else {
            state.revokes.formUnion(old.devices.map(\.id).filter { chain.device($0) == nil })
        }
        revise(account, &state)
        let isLess = bug == .noComparingAfterRemoval && chain.devices.count < old.devices.count
        guard !isLess else { return }
        for device in RosterWatch.compares(state.id, old: old, new: chain, own: own) { compare(with: device, &state) }
    }

    /// What is still kept goes to new devices as well, and to removed ones no more.
    private func revise(_ account: Int, _ state: inout SimulatedDevice.State) {
        for place in state.parcels.indices where state.parcels[place].account == account {
            let (added, dropped) = FanOut.revised(
                targets: Set(state.parcels[place].letters.keys), for: state.rosters[account], except: state.id)
            for device in dropped {
                state.parcels[place].letters[device] = nil
                state.parcels[place].states[device] = nil
            }
            guard state.parcels[place].isKept, bug != .noSecondFanOut else { continue }
            if !added.isEmpty { note(.secondFanOut) }
            for device in added { add(device.id, to: place, &state) }
        }
    }
}
