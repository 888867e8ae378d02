import SpeemIdentity
import SpeemSync

extension World {
    /// One event, at a random place.
    func meet(_ event: Schedule.Event) {
        generator = SeededGenerator(seed: event.seed)
        time += UInt64.random(in: 1...20, using: &generator)
        // The newest device, more often than the others: what is new to somebody is where rules are needed.
        let device = chance(25) ? devices.count - 1 : Int.random(in: devices.indices, using: &generator)
        let node = Int.random(in: nodes.indices, using: &generator)
        switch event.kind {
        case .nodeAway: isOn[node] = false
        case .nodeBack: isOn[node] = true
        case .pump: pump(node)
        case .snapshot: snapshots[node].append(nodes[node])
        case .goBack:
            if let worn = snapshots.indices.filter({ !snapshots[$0].isEmpty }).randomElement(using: &generator) {
                goBack(worn)
            }
        case .wakeUp: devices[device].isAwake = true
        case .fallAsleep: devices[device].isAwake = false
        case .restart: devices[device].restart()
        default: if devices[device].isAwake { act(event.kind, device) }
        }
    }

    private func act(_ kind: Schedule.Kind, _ device: Int) {
        let account = devices[device].state.account
        switch kind {
        case .visit:
            visit(home(of: account) + (chance(30) ? 1 : 0), by: device)
            if chance(50) { read(Int.random(in: 1...6, using: &generator), by: device, .whole) }
        case .read: read(Int.random(in: 1...6, using: &generator), by: device, .whole)
        case .readAndCut: read(Int.random(in: 1...6, using: &generator), by: device, .cutBeforeAcknowledging)
        case .readInVain: read(Int.random(in: 1...6, using: &generator), by: device, .cutBeforeCommit)
        case .bring: deliver(from: device, again: false)
        case .bringAgain: deliver(from: device, again: true)
        case .changeRoster: changeRoster(device)
        case .write, .register, .setting, .mark, .link, .remove, .addNode:
            guard devices[device].state.isActive else { return }
            want(kind, device)
            // Most of the time a device is on-line.
            if chance(50) { changeRoster(device) }
            if chance(50) { deliver(from: device, again: false) }
        case .restart, .fallAsleep, .wakeUp, .nodeAway, .nodeBack, .pump, .snapshot, .goBack: return
        }
    }

    /// What a person does on a device.
    private func want(_ kind: Schedule.Kind, _ device: Int) {
        commit(device) { state in
            let account = state.account
            let contact = state.rosters[1 - account].account
            switch kind {
            case .write: self.write(to: self.chance(90) ? 1 - account : account, &state)
            case .register:
                let own = state.own.devices
                let named = own[Int.random(in: own.indices, using: &self.generator)].id
                self.set(self.chance(50) ? .contactVerified(contact) : .deviceName(named), &state)
            case .setting: self.set(self.chance(50) ? .contactName(contact) : .setting("receipts"), &state)
            case .mark: self.mark(&state)
            case .link: self.link(&state)
            case .remove: self.remove(&state)
            case .addNode: state.changes.append(.putNode(KeyPool.nodes[account][1]))
            default: return
            }
        }
    }

    private func set(_ key: RegisterKey, _ state: inout SimulatedDevice.State) {
        let value = [UInt8.random(in: 0...255, using: &generator)]
        let register = Register(value: value, stamp: state.replica.nextStamp(by: state.id))
        tellOwn(state.replica.apply(Replica.Update(registers: [key: register])), &state)
    }

    /// Sees a message, or deletes it.
    private func mark(_ state: inout SimulatedDevice.State) {
        let ids = state.replica.messages.keys.sorted { $0.lexicographicallyPrecedes($1) }
        guard let id = ids.randomElement(using: &generator) else { return }
        let mark = chance(60) ? MessageMark(id: id, isSeen: true) : MessageMark(id: id, isDeleted: true)
        tellOwn(state.replica.apply(Replica.Update(marks: [mark])), &state)
    }

    /// Lets a new device in, with all history or none.
    private func link(_ state: inout SimulatedDevice.State) {
        let account = state.account
        let used = Set(devices.lazy.map(\.state.id))
        guard devices.count < 8, let place = KeyPool.deviceEntries[account].firstIndex(where: { !used.contains($0.id) })
        else { return }
        let keys = KeyPool.devices[account][place]
        devices.append(
            SimulatedDevice(
                SimulatedDevice.State(
                    account: account, keys: keys, id: KeyPool.deviceEntries[account][place].id,
                    since: chance(60) ? 0 : time, rosters: state.rosters)))
        state.changes.append(.addDevice(KeyPool.deviceEntries[account][place]))
    }

    private func remove(_ state: inout SimulatedDevice.State) {
        let id = state.id
        let others = state.own.devices.map(\.id).filter { $0 != id }
        guard let other = others.randomElement(using: &generator) else { return }
        state.changes.append(.removeDevice(other))
    }

    /// A node's disk is replaced by an older copy. Not by one with an older roster where it is home: that leads to a fork,
    /// which is an alarm and for the recovery words.
    private func goBack(_ node: Int) {
        guard let old = snapshots[node].randomElement(using: &generator) else { return }
        let isHome = node % Self.nodesOfAccount == 0
        guard !isHome || old.roster?.head == nodes[node].roster?.head, old.roster != nil else { return }
        nodes[node] = old
        // Its connections are gone, and what came over them is acknowledged over no other: numbers are used again now.
        for device in devices.indices { devices[device].inbox.removeAll { $0.node == node } }
        wentBack.insert(nodes[node].account)
    }
}
