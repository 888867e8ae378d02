import SpeemIdentity

/// Invites for tests.
enum SpeemInvite {
    static func parse(_ text: String) throws -> Invite { try Invite(text: text) }

    /// The same invite, with the node at another address.
    static func moved(_ invite: Invite, to address: String) -> String {
        guard let node = try? NodeEntry(noise: invite.node.noise, addresses: [address]) else { return "" }
        return Invite(purpose: invite.purpose, expires: invite.expires, node: node, secret: invite.secret).text
    }
}
