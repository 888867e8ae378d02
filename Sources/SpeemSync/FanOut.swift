public import SpeemIdentity

/// Whom a message is sealed to: every device of the recipient and every other one of the sender, under the rosters that
/// the sending device knows. The message carries the heads of both, so that whoever knows more can tell.
public struct FanOut: Sendable, Equatable {
    /// Devices of the recipient; none when people write to themselves.
    public let recipients: [DeviceEntry]
    /// The sender's other devices.
    public let own: [DeviceEntry]
    public let heads: MessageHeads

    /// - Returns: nil when `own` does not list the sending device: it was removed, and sends nothing any more.
    public init?(from sender: DeviceID, own: Roster, to recipient: Roster) {
        guard own.device(sender) != nil else { return nil }
        recipients = recipient.account == own.account ? [] : recipient.devices
        self.own = own.devices.filter { $0.id != sender }
        heads = MessageHeads(sender: own.head, recipient: recipient.head)
    }

    /// The devices of `roster` that a message, sealed to `targets` so far, has to be sealed to as well: a newer roster of
    /// the recipient came while it was still kept. Those that are not listed any more are in `dropped`.
    public static func revised(
        targets: Set<DeviceID>, for roster: Roster, except sender: DeviceID
    ) -> (added: [DeviceEntry], dropped: Set<DeviceID>) {
        let listed = roster.devices.filter { $0.id != sender }
        return (listed.filter { !targets.contains($0.id) }, targets.subtracting(listed.map(\.id)))
    }
}
