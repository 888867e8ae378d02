import SpeemIdentity
import SpeemSync

extension World {
    /// Everything is switched on and nothing is lost any more, until nothing moves.
    func calmDown() {
        isOn = isOn.map { _ in true }
        for device in devices.indices { devices[device].isAwake = true }
        // First in any order and over the network as it is, then in turn and over a good one.
        for _ in 0..<60 { live(Int.random(in: devices.indices, using: &generator), step: nil) }
        loss = 0
        for device in devices.indices { devices[device].blocked = [] }
        var rounds = 0
        var hasCompared = false
        while true {
            let before = activity
            time += 40_000
            for device in devices.indices { for step in 0..<5 { live(device, step: step) } }
            for node in nodes.indices { pump(node) }
            rounds += 1
            guard rounds < 60 else {
                violations.append("it does not calm down")
                return
            }
            guard activity == before else { continue }
            guard !hasCompared, !wentBack.isEmpty else { return }
            // What is done now and then, for what a node lost and nobody noticed.
            hasCompared = true
            for device in devices.indices where wentBack.contains(devices[device].state.account) {
                guard devices[device].state.isActive else { continue }
                commit(device) { state in
                    let id = state.id
                    for other in state.own.devices.map(\.id) where other != id { self.compare(with: other, &state) }
                }
            }
        }
    }

    /// A step of what a device does on a good day; any of them without a number.
    private func live(_ device: Int, step: Int?) {
        guard !devices[device].state.isGone else { return }
        let account = devices[device].state.account
        switch step ?? Int.random(in: 0..<5, using: &generator) {
        case 0: for place in 0..<Self.nodesOfAccount { visit(home(of: account) + place, by: device) }
        case 1: changeRoster(device)
        case 2: read(.max, by: device, .whole)
        case 3: deliver(from: device, again: false)
        default: deliver(from: device, again: true)
        }
    }

    // MARK: What must hold

    func check() {
        for account in 0..<2 {
            let chain = truth(account)
            let listed = devices.indices.filter { chain.device(devices[$0].state.id) != nil }
            for device in listed where devices[device].state.own.head != chain.head {
                violations.append("device \(device) has another roster than its home node")
            }
            guard let first = listed.first else { continue }
            for device in listed { checkSame(first, device) }
            for device in listed { checkLetters(device) }
        }
        for device in devices.indices {
            for (letter, count) in devices[device].state.openings.sorted(by: { $0.key < $1.key }) where count > 1 {
                violations.append("device \(device) opened letter \(letter) \(count) times")
            }
        }
        checkArrival()
        checkRemoval()
    }

    /// All devices of one account end with the same conversations.
    private func checkSame(_ one: Int, _ other: Int) {
        let a = devices[one].state
        let b = devices[other].state
        if a.replica.registers != b.replica.registers { violations.append("registers of \(one) and \(other) differ") }
        let since = max(a.since, b.since)
        let ids = Set(a.replica.messages.keys).union(b.replica.messages.keys)
        for id in ids.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let mine = a.replica.messages[id]
            let theirs = b.replica.messages[id]
            guard mine != theirs, (mine ?? theirs)?.sent ?? 0 >= since else { continue }
            violations.append(
                "device \(one) has \(Self.words(for: mine)), and device \(other) \(Self.words(for: theirs))")
        }
    }

    private static func words(for record: MessageRecord?) -> String {
        guard let record else { return "nothing" }
        return "\(record.text ?? "a deleted text") (\(record.progress)\(record.isSeen ? ", seen" : ""))"
    }

    /// Nothing is stuck.
    private func checkLetters(_ device: Int) {
        for parcel in devices[device].state.parcels {
            for letter in parcel.undelivered where parcel.states[letter.target] == .waiting {
                violations.append("a letter of device \(device) is stuck")
            }
        }
    }

    /// Every message reaches every device that was in the rosters when it was sent. What a device sent that was removed
    /// need not: nobody takes it from then on.
    private func checkArrival() {
        for message in sent {
            let isSenderListed = (0..<2).contains { truth($0).device(message.sender) != nil }
            guard isSenderListed else { continue }
            for account in message.accounts {
                for device in devices.indices where truth(account).device(devices[device].state.id) != nil {
                    guard message.required.contains(devices[device].state.id) else { continue }
                    let record = devices[device].state.replica.messages[message.id]
                    if record == nil {
                        violations.append("\(message.text) never came to device \(device)")
                    } else if let text = record?.text, text != message.text {
                        violations.append("\(message.text) came to device \(device) as \(text)")
                    }
                }
            }
        }
    }

    /// Nothing is sealed to a device by somebody who knew that it was removed.
    private func checkRemoval() {
        for letter in wire {
            guard let account = devices.first(where: { $0.state.id == letter.target })?.state.account else { continue }
            let chain = truth(account)
            guard letter.known <= chain.entries.count else { continue }
            if !chain.entries[letter.known - 1].devices.contains(where: { $0.id == letter.target }) {
                violations.append("letter \(letter.number) can be read by a device that was removed")
            }
        }
    }
}
