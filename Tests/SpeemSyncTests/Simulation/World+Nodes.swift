import SpeemIdentity
import SpeemMailbox
import SpeemSync

/// A device and the nodes of its own account.
extension World {
    /// Looks after an own node: is it where it was, do both have the same roster, and what waits there.
    func visit(_ node: Int, by device: Int) {
        let state = devices[device].state
        guard isOn[node], !chance(loss), state.own.nodes.contains(where: { index(of: $0) == node }) else { return }
        if nodes[node].roster == nil {
            guard state.isActive else { return }
            // A node that nobody owns yet is claimed.
            note(.secondNode)
            nodes[node].take(state.own)
            activity += 1
        }
        guard nodes[node].serves(state.id, of: state.account) else {
            let wasListed = nodes[node].roster?.entries.contains { entry in
                entry.devices.contains { $0.id == state.id }
            }
            // Revoked. A node that does not know the device yet says nothing.
            if wasListed == true { note(.removal) }
            if wasListed == true { commit(device) { $0.isGone = true } }
            return
        }
        commit(device) { state in
            self.check(node, &state)
            self.agreeOnRoster(node, &state)
            guard state.isActive else { return }
            if !state.revokes.isSubset(of: self.nodes[node].revoked) {
                self.nodes[node].revoked.formUnion(state.revokes)
                self.nodes[node].commit += 1
            }
            self.hearOfOutbox(node, &state)
            state.continuity[node] = self.nodes[node].continuity
        }
        drain(node, by: device)
    }

    private func check(_ node: Int, _ state: inout SimulatedDevice.State) {
        let judgement = NodeContinuity.judge(nodes[node].continuity, known: state.continuity[node])
        switch judgement {
        case .new, .onward: break
        case .anotherStore: note(.anotherStore)
        case .wentBack:
            note(.wentBack)
            nodes[node].reset(from: nodes[node].continuity, to: number())
        }
        // Whoever sees a reset node brings the contacts' grants.
        nodes[node].isBare = false
        guard judgement.mayHaveLost else { return }
        activity += 1
        let id = state.id
        for other in state.own.devices.map(\.id) where other != id { compare(with: other, &state) }
    }

    private func agreeOnRoster(_ node: Int, _ state: inout SimulatedDevice.State) {
        guard let chain = nodes[node].roster else { return }
        switch state.own.judge(chain) {
        case .same: return
        case .newer: take(chain, of: state.account, &state)
        case .older:
            nodes[node].take(state.own)
            activity += 1
        case .forkThatWins, .forkThatLoses: violations.append("a fork without an enemy")
        }
    }

    private func drain(_ node: Int, by device: Int) {
        guard let box = nodes[node].mailboxes[devices[device].state.id], !chance(loss) else { return }
        let known = Set(devices[device].inbox.lazy.filter { $0.node == node }.map(\.sequence))
        for slot in box where !known.contains(slot.sequence) {
            devices[device].inbox.append(
                SimulatedDevice.Received(node: node, sequence: slot.sequence, letter: slot.letter))
        }
    }

    /// How far a device gets with what it has drained.
    enum Reading {
        case whole
        /// The power fails after the commit, before the acknowledgement.
        case cutBeforeAcknowledging
        /// The power fails before the commit.
        case cutBeforeCommit
    }

    /// Reads some of what was drained, in any order.
    func read(_ count: Int, by device: Int, _ reading: Reading) {
        guard !devices[device].state.isGone else { return }
        var taken: [SimulatedDevice.Received] = []
        while taken.count < count, !devices[device].inbox.isEmpty {
            let place = Int.random(in: devices[device].inbox.indices, using: &generator)
            taken.append(devices[device].inbox.remove(at: place))
        }
        var state = devices[device].state
        let done = taken.filter { open($0.letter, &state) }
        state.parcels.removeAll { $0.isOver }
        if reading != .whole { note(.cutOff) }
        if bug == .acknowledgeBeforeCommit { acknowledge(done, by: device) }
        guard reading != .cutBeforeCommit else { return devices[device].restart() }
        devices[device].state = state
        guard reading != .cutBeforeAcknowledging else { return devices[device].restart() }
        acknowledge(done, by: device)
    }

    private func acknowledge(_ done: [SimulatedDevice.Received], by device: Int) {
        let id = devices[device].state.id
        for node in Set(done.map(\.node)).sorted() {
            guard isOn[node], !chance(loss), nodes[node].mailboxes[id] != nil else { continue }
            let sequences = Set(done.lazy.filter { $0.node == node }.map(\.sequence))
            guard nodes[node].acknowledge(sequences, of: id) else { continue }
            allClear(nodes[node].account)
        }
    }

    /// There is room again: devices and outboxes that were refused hear of it, if nothing is lost.
    func allClear(_ account: Int) {
        note(.allClear)
        for device in devices.indices where !chance(loss) { devices[device].blocked.remove(account) }
        for node in nodes.indices {
            for place in nodes[node].outbox.indices where nodes[node].outbox[place].item.trouble == .mailboxFull {
                nodes[node].outbox[place].item.nextTry = Int64(time)
            }
        }
    }

    // MARK: Changing the roster

    /// Tries to make the first change that the person wants, by compare and swap at home.
    func changeRoster(_ device: Int) {
        let state = devices[device].state
        let node = home(of: state.account)
        guard state.isActive, let change = state.changes.first else { return }
        do throws(IdentityError) {
            guard let (listed, listedNodes) = try change.applied(to: state.own) else {
                // Only the home node's word counts.
                if state.own.head == truth(state.account).head, isOn[node] {
                    commit(device) { $0.changes.removeFirst() }
                    activity += 1
                }
                return
            }
            let entry = try RosterEntry.next(
                after: state.own.newest, signedBy: state.keys, devices: listed, nodes: listedNodes)
            guard isOn[node], !chance(loss) else { return }
            let isTaken = nodes[node].append(entry, bug: bug)
            if isTaken { activity += 1 } else { note(.lostRace) }
            guard !chance(loss), let chain = nodes[node].roster else { return }
            commit(device) { state in
                self.take(chain, of: state.account, &state)
                if isTaken { state.changes.removeFirst() }
            }
        } catch {
            // It cannot be made any more.
            commit(device) { $0.changes.removeFirst() }
            activity += 1
        }
    }
}
