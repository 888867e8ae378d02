import SpeemCrypto

@testable import SpeemIdentity

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

let random = SystemRandomSource()

func node(_ addresses: [String] = ["node.example:4404"]) throws -> NodeEntry {
    try NodeEntry(noise: X25519.PrivateKey(random: random).publicKey, addresses: addresses)
}

/// An account with one device and one node.
struct Person {
    let account = AccountKey(random: random)
    let device = DeviceKeys(random: random)
    let node: NodeEntry
    var roster: Roster

    init() throws {
        node = try SpeemIdentityTests.node()
        roster = try Roster(
            genesis: try RosterEntry.genesis(account: account, devices: [device.entry], nodes: [node]))
    }

    /// The next entry, signed by this device.
    func next(devices: [DeviceEntry]? = nil, nodes: [NodeEntry]? = nil, by keys: DeviceKeys? = nil) throws
        -> RosterEntry
    {
        try RosterEntry.next(
            after: roster.newest, signedBy: keys ?? device, devices: devices ?? roster.devices,
            nodes: nodes ?? roster.nodes)
    }
}
