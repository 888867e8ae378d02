import Testing

@testable import SpeemIdentity

struct RosterChangeTests {
    @Test func everyChangeAndItsRepetition() throws {
        let alice = try Person()
        let phone = DeviceKeys(random: random)
        var roster = alice.roster
        func make(_ change: RosterChange) throws -> Bool {
            guard let (devices, nodes) = try change.applied(to: roster) else { return false }
            try roster.append(
                try RosterEntry.next(after: roster.newest, signedBy: alice.device, devices: devices, nodes: nodes))
            // What was changed needs no second change.
            #expect(try change.applied(to: roster) == nil)
            return true
        }
        #expect(try make(.addDevice(phone.entry)))
        #expect(roster.devices.map(\.id) == [alice.device.entry.id, phone.entry.id])
        let second = try node()
        #expect(try make(.putNode(second)))
        #expect(roster.nodes == [alice.node, second])
        let moved = try NodeEntry(noise: second.noise, addresses: ["elsewhere.example:1"])
        #expect(try make(.putNode(moved)))
        #expect(roster.nodes == [alice.node, moved])
        let board = try node()
        #expect(try make(.replaceNode(old: alice.node.noise, new: board)))
        #expect(roster.nodes == [board, moved])
        #expect(try make(.removeNode(moved.noise)))
        #expect(roster.nodes == [board])
        #expect(try make(.removeDevice(phone.entry.id)))
        #expect(roster.devices.map(\.id) == [alice.device.entry.id])
        // The answer to the addition was lost, and somebody has removed the device meanwhile: it stays removed.
        #expect(throws: IdentityError.self) { _ = try RosterChange.addDevice(phone.entry).applied(to: roster) }
    }

    @Test func whatCannotBeChangedIsRefused() throws {
        let alice = try Person()
        #expect(throws: IdentityError.self) {
            _ = try RosterChange.removeDevice(alice.device.entry.id).applied(to: alice.roster)
        }
        #expect(throws: IdentityError.self) {
            _ = try RosterChange.replaceNode(old: try node().noise, new: try node()).applied(to: alice.roster)
        }
        var full = alice.roster
        while full.devices.count < RosterEntry.maxDevices {
            try full.append(
                try RosterEntry.next(
                    after: full.newest, signedBy: alice.device,
                    devices: full.devices + [DeviceKeys(random: random).entry], nodes: full.nodes))
        }
        #expect(throws: IdentityError.self) {
            _ = try RosterChange.addDevice(DeviceKeys(random: random).entry).applied(to: full)
        }
    }

    /// Devices that change the roster at the same moment: the home node takes the first, the others rebase, and in the
    /// end every change that could be made has been made, on one chain, with any interleaving.
    @Test(arguments: 0..<200)
    func concurrentChangesConverge(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let alice = try Person()
        let keys = (0..<3).map { _ in DeviceKeys(random: random) }
        var home = alice.roster
        try home.append(try alice.next(devices: [alice.device.entry] + keys.map(\.entry)))
        struct Editor {
            let keys: DeviceKeys
            var known: Roster
            var wanted: [RosterChange]
        }
        let added = (0..<3).map { _ in DeviceKeys(random: random).entry }
        let nodes = [try node(), try node(), try node()]
        var editors = keys.indices.map { index in
            Editor(
                keys: keys[index], known: home,
                wanted: [.addDevice(added[index]), .putNode(nodes[index]), .removeNode(alice.node.noise)])
        }
        var steps = 0
        while let index = editors.indices.filter({ !editors[$0].wanted.isEmpty }).randomElement(using: &generator) {
            steps += 1
            try #require(steps < 1000)
            // Sometimes it looks first, sometimes it does not know yet.
            if Bool.random(using: &generator) { editors[index].known = home }
            let change = editors[index].wanted[0]
            guard let (devices, nodes) = try change.applied(to: editors[index].known) else {
                // Nothing to change in what it knows: only the home node's word counts.
                if editors[index].known == home { editors[index].wanted.removeFirst() }
                editors[index].known = home
                continue
            }
            let entry = try RosterEntry.next(
                after: editors[index].known.newest, signedBy: editors[index].keys, devices: devices, nodes: nodes)
            guard entry.previous == home.head else {
                // The loser fetches and rebases.
                #expect(editors[index].known.judge(home) == .newer)
                editors[index].known = home
                continue
            }
            try home.append(entry)
            editors[index].known = home
            editors[index].wanted.removeFirst()
        }
        #expect(Set(home.devices.map(\.id)) == Set(([alice.device.entry] + keys.map(\.entry) + added).map(\.id)))
        #expect(Set(home.nodes.map(\.noise)) == Set(nodes.map(\.noise)))
    }
}
