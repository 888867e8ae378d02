import SpeemIdentity
import SpeemStore
import SpeemSync

/// What a device does about a change of its own account's roster. It follows from the chain and not from the command that
/// changed it, so that a lost answer or a crash in between loses nothing of it; in the transaction that takes the chain.
struct RosterEffects: Sendable {
    let state: DeviceState

    func run(before: Roster, after: Roster, now: Int64, in connection: Connection) throws {
        // A device that was just linked itself need not be told who was there before it.
        guard before.device(state.id) != nil, after.device(state.id) != nil else { return }
        let common = zip(before.entries, after.entries).prefix { $0.head == $1.head }.count
        let steps = zip(after.entries, after.entries.dropFirst()).dropFirst(max(common - 1, 0))
        for device in after.devices.map(\.id) where device != state.id {
            if before.device(device) == nil { try NoticeRows.insert(.linked(device), in: connection) }
            // Also one that was removed and signed in again in between: what others had of it is gone.
            guard steps.contains(where: { $0.lists(device) == nil && $1.lists(device) != nil }) else { continue }
            try SponsorRows.forget(device: device, in: connection)
            try welcome(device, after, now: now, in: connection)
        }
        // What a removed device sent last may have reached some own devices and not others.
        try HistorySync(state: state).compareAll(
            with: RosterWatch.compares(state.id, old: before, new: after, own: after), now: now, in: connection)
        let mine = steps.filter { isMine($1) }
        guard !mine.isEmpty else { return }
        let haveRemoved = mine.contains { before, entry in
            before.devices.contains { device in entry.lists(device.id) == nil }
        }
        if haveRemoved {
            try RouteRows.renew(state: state, in: connection)
            try DiscoveryRows.rotate(state: state, in: connection)
        }
        try tellContacts(after, in: connection)
    }

    /// The heads of any message tell contacts to fetch the new roster.
    func tellContacts(_ roster: Roster, in connection: Connection) throws {
        for contact in try ContactRows.all(in: connection) {
            try OutgoingMail(state: state).queueNotice(roster: roster, to: contact, in: connection)
        }
    }

    /// Who looks after what follows from an entry: its signer; for the account key's, which no device has, the first of the
    /// devices that stay.
    private func isMine(_ entry: RosterEntry) -> Bool {
        switch entry.signer {
        case .device(let signer): signer == state.id
        case .account: entry.devices.first?.id == state.id
        }
    }

    /// What a new device has to know is told by the device whose person has said yes. To one that the recovery words have
    /// signed in all others tell it, because any of them may be lost.
    ///
    /// What it may have of the past each device decides for itself: the one whose person has said yes knows what was allowed,
    /// all others give what was written since they first saw it listed.
    private func welcome(
        _ device: DeviceID, _ roster: Roster, now: Int64, in connection: Connection
    ) throws {
        let since: Int64?
        if let link = try LinkRows.answered(device, in: connection) {
            since = link.historySince
            try OwnDeviceRows.allow(device, since: since ?? now, in: connection)
            let name =
                try DeviceNames.name(of: device, ifGivenIn: connection)
                ?? DeviceNames.free(link.name, of: roster, in: connection)
            try OwnSync(state: state).set(.deviceName(device), to: Array(name.utf8), in: connection)
        } else if roster.isRecovered(device) {
            since = 0
            try OwnDeviceRows.insert(device, since: 0, in: connection)
        } else {
            try OwnDeviceRows.insert(device, since: now, in: connection)
            return
        }
        try OwnSync(state: state).queueWelcome(
            to: device, history: since != nil, since: since ?? 0, in: connection)
        try SponsorRows.insertAll(device: device, state: state, in: connection)
    }
}

extension Roster {
    /// Whether the account key, and no device, has listed a device.
    func isRecovered(_ device: DeviceID) -> Bool {
        let steps = Array(zip(entries, entries.dropFirst()))
        let listing = steps.last(where: { before, entry in
            before.lists(device) == nil && entry.lists(device) != nil
        })
        return listing?.1.signer == .account
    }
}
