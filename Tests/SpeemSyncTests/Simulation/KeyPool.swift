import SpeemCrypto
import SpeemIdentity
import Synchronization

/// Keys are made once from a seed and lent to every schedule: making them is the dearest part of it.
enum KeyPool {
    static let accounts = (0..<2).map { AccountKey(random: SeededSource(seed: 100 + UInt64($0))) }
    /// Of each account.
    static let devices = (0..<2).map { account in
        (0..<7).map { DeviceKeys(random: SeededSource(seed: UInt64(1000 * (account + 1) + $0))) }
    }
    static let deviceEntries = devices.map { $0.map(\.entry) }
    /// Of each account.
    static let nodes = (0..<2).map { account in
        (0..<2).map { number in
            let key = X25519.PrivateKey(random: SeededSource(seed: UInt64(5000 + 10 * account + number)))
            return made { () throws(IdentityError) in
                try NodeEntry(noise: key.publicKey, addresses: ["node\(account)\(number):1"])
            }
        }
    }
    /// The chains that schedules begin with: two devices and a node.
    static let rosters = accounts.indices.map { index in
        made { () throws(IdentityError) in
            try Roster(
                genesis: try RosterEntry.genesis(
                    account: accounts[index], devices: Array(deviceEntries[index].prefix(2)), nodes: [nodes[index][0]]))
        }
    }

    /// What cannot fail, made from keys of this pool.
    private static func made<Result>(_ body: () throws(IdentityError) -> Result) -> Result {
        do throws(IdentityError) { return try body() } catch { preconditionFailure("\(error)") }
    }
}

/// Random bytes from a seed.
final class SeededSource: RandomSource {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        generator.withLock { generator in
            for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: generator.next() >> 32) }
        }
    }
}
