import SpeemIdentity
import Synchronization

/// Chains that were verified before, by their newest entries: each names the one before it by a hash, so it stands for the
/// whole chain, and nothing that is stored or undone later can make a wrong one of it. Every message asks for both
/// accounts' chains several times, and verifying costs a signature for each entry.
enum VerifiedRosters {
    /// Entries of all chains at the most; then all are forgotten, and verified again as they are needed.
    private static let maxEntries = 4096

    private struct Kept: Sendable {
        var rosters: [[UInt8]: Roster] = [:]
        var entries = 0
    }

    private static let kept = Mutex(Kept())

    /// - Parameters:
    ///   - newest: the newest entry, encoded.
    ///   - entries: all of them, oldest first.
    static func roster(
        newest: [UInt8], account: AccountPublicKey, entries: () throws -> [[UInt8]]
    ) throws -> Roster {
        if let known = kept.withLock({ $0.rosters[newest] }), known.account == account { return known }
        let roster = try DeviceError.stored("a roster entry") {
            try Roster(verifying: try entries(), account: account)
        }
        kept.withLock { kept in
            if kept.entries + roster.entries.count > maxEntries { kept = Kept() }
            if kept.rosters.updateValue(roster, forKey: roster.newest.encoded) == nil {
                kept.entries += roster.entries.count
            }
        }
        return roster
    }
}
