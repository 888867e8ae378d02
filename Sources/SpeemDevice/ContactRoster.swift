import Logging
import SpeemIdentity
import SpeemStore
import SpeemSync

/// What a contact's newer roster changes, in the transaction it is given.
struct ContactRoster: Sendable {
    let state: DeviceState

    /// Takes a chain that was judged to be the better one.
    func take(
        _ roster: Roster, of contact: Contact, before: Roster, now: Int64 = WallClock.system.milliseconds(),
        in connection: Connection
    ) throws {
        try ContactRows.setRoster(roster, of: contact.id, in: connection)
        // Before anything is dropped: what only a removed device was to get goes to another.
        try OutgoingMail(state: state).revise(for: contact, roster, in: connection)
        for device in before.devices where roster.device(device.id) == nil {
            state.logger.notice("a device of contact \(contact.id) was removed")
            // It reads nothing more, and what let it in at our nodes is withdrawn.
            try SessionRows.close(device: device.id, contact: contact.id, in: connection)
            try OutgoingRows.forget(device: device.id, contact: contact.id, in: connection)
            try ContactKeyRows.withdraw(device.id, of: contact.id, in: connection)
        }
        // It may have sent to some own devices and not to others, and from now on nobody takes what it sends.
        let own = try OwnRoster.load(account: state.account, in: connection)
        try HistorySync(state: state).compare(
            with: RosterWatch.compares(state.id, old: before, new: roster, own: own), now: now, in: connection)
    }
}
