import SpeemIdentity

/// A roster that grows, of the pool's first account: its device 0 signs.
enum Chain {
    /// Each step lists these devices of the pool, by their places.
    static func make(_ steps: [[Int]], account: Int = 0) throws -> Roster {
        var roster = try Roster(
            genesis: try RosterEntry.genesis(
                account: KeyPool.accounts[account], devices: steps[0].map { KeyPool.deviceEntries[account][$0] },
                nodes: [KeyPool.nodes[account][0]]))
        for step in steps.dropFirst() { try extend(&roster, step, account: account) }
        return roster
    }

    static func extend(_ roster: inout Roster, _ step: [Int], account: Int = 0, signer: Int = 0) throws {
        try roster.append(
            try RosterEntry.next(
                after: roster.newest, signedBy: KeyPool.devices[account][signer],
                devices: step.map { KeyPool.deviceEntries[account][$0] }, nodes: roster.nodes))
    }

    static func id(_ place: Int, account: Int = 0) -> DeviceID { KeyPool.deviceEntries[account][place].id }
}
