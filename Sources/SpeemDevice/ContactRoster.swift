import Logging
import SpeemIdentity
import SpeemStore

/// What a contact's newer roster changes, in the transaction it is given.
struct ContactRoster: Sendable {
    let state: DeviceState

    /// Takes a chain that was judged to be the better one.
    func take(
        _ roster: Roster, of contact: Contact, before: Roster, in connection: Connection
    ) throws {
        try ContactRows.setRoster(roster, of: contact.id, in: connection)
        for device in before.devices where roster.device(device.id) == nil {
            state.logger.notice("a device of contact \(contact.id) was removed")
            // It reads nothing more, and what let it in at our nodes is withdrawn.
            try SessionRows.close(device: device.id, contact: contact.id, in: connection)
            try OutgoingRows.forget(device: device.id, contact: contact.id, in: connection)
            try ContactKeyRows.withdraw(device.id, of: contact.id, in: connection)
        }
    }
}
