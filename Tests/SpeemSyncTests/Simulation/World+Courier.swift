import SpeemIdentity
import SpeemMailbox
import SpeemSync

/// Bringing letters: by the device itself, or by its node's outbox.
extension World {
    /// Brings what waits.
    ///
    /// - Parameter again: also what a node has taken and no device has confirmed, in case the node has lost it.
    func deliver(from device: Int, again: Bool) {
        for parcel in devices[device].state.parcels {
            let state = devices[device].state
            guard state.isActive else { return }
            guard state.handedOver[parcel.number] == nil, !devices[device].blocked.contains(parcel.account) else {
                continue
            }
            let letters = parcel.undelivered.filter { again || parcel.states[$0.target] == .waiting }
            guard !letters.isEmpty else { continue }
            if !again, parcel.account != state.account, chance(30), handOver(parcel, letters, from: device) { continue }
            deposit(letters, of: parcel, from: device)
        }
    }

    private func deposit(_ letters: [Letter], of parcel: Parcel, from device: Int) {
        for node in devices[device].state.rosters[parcel.account].nodes.map({ index(of: $0) }) {
            guard isOn[node], !chance(loss) else { continue }
            let state = devices[device].state
            guard nodes[node].serves(state.id, of: state.account) else { continue }
            let outcomes = letters.map { deposit($0, at: node) }
            // The answer may be lost: it is not known then that they are there.
            guard !chance(loss) else { continue }
            if outcomes.contains(.full) { note(.mailboxFull) }
            if outcomes.contains(.unknownMailbox) { note(.unknownMailbox) }
            if outcomes.contains(.full) { devices[device].blocked.insert(parcel.account) }
            commit(device) { state in
                for (letter, outcome) in zip(letters, outcomes) where outcome == .stored || outcome == .duplicate {
                    self.setStored(letter, &state)
                }
                if parcel.account == state.account { state.continuity[node] = self.seen(node, &state) }
                guard outcomes.contains(.unknownMailbox), let chain = self.nodes[node].roster else { return }
                self.take(chain, of: parcel.account, &state)
            }
            guard outcomes.contains(.unknownMailbox) else { return }
        }
    }

    func deposit(_ letter: Letter, at node: Int) -> SimulatedNode.Outcome {
        let outcome = nodes[node].deposit(letter)
        if outcome == .stored {
            wire.append(letter)
            activity += 1
        }
        return outcome
    }

    private func setStored(_ letter: Letter, _ state: inout SimulatedDevice.State) {
        guard let place = state.parcels.firstIndex(where: { $0.number == letter.parcel }),
            state.parcels[place].states[letter.target] == .waiting
        else { return }
        state.parcels[place].states[letter.target] = .stored
        guard case .text(let record) = state.parcels[place].content else { return }
        state.replica.apply(Replica.Update(marks: [MessageMark(id: record.id, progress: .stored)]))
        tellOwn(Replica.Update(marks: [MessageMark(id: record.id, progress: .stored)]), &state)
    }

    /// How far a node has come, unless something is wrong with it that the next look finds.
    private func seen(_ node: Int, _ state: inout SimulatedDevice.State) -> NodeContinuity? {
        let now = nodes[node].continuity
        let known = state.continuity[node]
        return NodeContinuity.judge(now, known: known) == .onward ? now : known
    }

    // MARK: The outbox

    private func handOver(_ parcel: Parcel, _ letters: [Letter], from device: Int) -> Bool {
        let state = devices[device].state
        let node = home(of: state.account)
        guard isOn[node], nodes[node].serves(state.id, of: state.account), !chance(loss) else { return false }
        if !nodes[node].outbox.contains(where: { $0.parcel == parcel.number }) {
            nodes[node].commit += 1
            activity += 1
            nodes[node].outbox.append(
                SimulatedNode.Job(
                    device: state.id, parcel: parcel.number,
                    nodes: state.rosters[parcel.account].nodes.map { index(of: $0) }, letters: letters,
                    item: OutboxItem.new(targets: letters.count, now: Int64(time))))
        }
        // Without an answer the device goes itself as well: doubles are harmless.
        guard !chance(loss) else { return true }
        commit(device) { $0.handedOver[parcel.number] = node }
        return true
    }

    /// The node tries what is due.
    func pump(_ node: Int) {
        guard isOn[node] else { return }
        for place in nodes[node].outbox.indices {
            let job = nodes[node].outbox[place]
            guard !job.item.isOver, job.item.nextTry <= Int64(time) else { continue }
            let attempt = attempt(job, from: nodes[node].account)
            nodes[node].commit += 1
            nodes[node].outbox[place].item = job.item.after(
                attempt, now: Int64(time), jitter: Double.random(in: 0...1, using: &generator))
            if nodes[node].outbox[place].item.isOver { activity += 1 }
        }
    }

    private func attempt(_ job: SimulatedNode.Job, from account: Int) -> OutboxItem.Attempt {
        for far in job.nodes {
            guard isOn[far], !chance(loss), nodes[far].serves(job.device, of: account) else { continue }
            let waiting = zip(job.letters, job.item.targets).filter { $0.1 == .waiting }.map(\.0)
            let answers: [OutboxItem.Answer] = waiting.map { letter in
                switch deposit(letter, at: far) {
                case .stored, .duplicate: .stored
                case .unknownMailbox: .refused(code: 7, detail: "no such device")
                case .full: .later(.mailboxFull, advice: nil)
                }
            }
            guard !chance(loss) else { continue }
            return .answered(answers)
        }
        return .failed(.unreachable, advice: nil)
    }

    /// What a device hears of its items, and what it does about those that the node does not have any more.
    func hearOfOutbox(_ node: Int, _ state: inout SimulatedDevice.State) {
        for parcel in state.handedOver.filter({ $0.value == node }).keys.sorted() {
            guard let job = nodes[node].outbox.first(where: { $0.parcel == parcel && $0.device == state.id }) else {
                note(.outboxLost)
                state.handedOver[parcel] = nil
                continue
            }
            guard job.item.isOver else { continue }
            note(job.item.state == .stored ? .outboxStored : .outboxRefused)
            var isRefused = false
            for (letter, target) in zip(job.letters, job.item.targets) {
                switch target {
                case .stored: setStored(letter, &state)
                case .waiting, .refused: isRefused = true
                }
            }
            // A device that is not there: the roster says why.
            if isRefused, let place = state.parcels.first(where: { $0.number == parcel }) {
                fetch(place.account, naming: nil, &state)
            }
            state.handedOver[parcel] = nil
            nodes[node].outbox.removeAll { $0.parcel == parcel }
        }
    }
}
