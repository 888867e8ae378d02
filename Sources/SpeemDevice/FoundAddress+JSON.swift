import SpeemDiscovery
import SpeemTransport

extension JSON {
    /// Where somebody was found, with what else is to be said.
    init(_ found: FoundAddress, _ members: [String: JSON]) {
        var members = members
        members["address"] = .string(found.address)
        members["interface"] = .string(found.interface)
        members["since"] = .integer(found.since)
        self = .object(members)
    }
}
