/// The names of the control methods.
public enum ControlMethods {
    /// Those of a device.
    public static let device = [
        "invite", "accept", "contacts", "contacts.remove", "contacts.block", "verify", "send", "inbox", "follow",
        "sent", "status", "devices",
        "devices.link", "devices.refuse", "devices.remove", "devices.rename", "nodes", "nodes.replace", "node.config",
        "node.cancel",
        "node.provisions", "outbox", "why",
        "delete", "settings", "notices", "nearby", "unlock.start", "unlock.finish", "backup",
    ]
    /// Those of a node.
    public static let node = ["status", "invite", "nearby", "claim.code", "unlock"]
}
