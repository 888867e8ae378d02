import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension NodeRequests {
    /// A hash over all grants and all withdrawals: nodes with the same have the same. Worked out when they have changed.
    func grantsDigest() async throws -> [UInt8] {
        // What is read below is at least as new as this, so a digest is never kept for what came later.
        let version = state.access.version
        if let known = state.access.digest(of: version) { return known }
        let digest = try await state.store.read { connection in
            BLAKE2b.hash(
                domain: DomainSeparator("grants"), try AccessRows.keys(in: connection).flatMap { $0 },
                try RevokedRows.keys(in: connection).flatMap { $0 })
        }
        state.access.remember(digest: digest, of: version)
        return digest
    }

    func status(_ device: DeviceID) async throws -> WireResponse {
        let report = try await report()
        let read = try await state.store.read { connection in
            (
                unassigned: try PrekeyRows.unassigned(device: device.bytes, in: connection),
                head: try RosterRows.newest(in: connection)?.head.bytes
            )
        }
        let digest = try await grantsDigest()
        return .with {
            $0.nodeState = .with {
                report.fill(&$0)
                $0.unassignedPrekeys = UInt32(clamping: read.unassigned)
                $0.nodeEpoch = Data(state.epoch)
                $0.rosterHead = Data(read.head ?? [])
                $0.grantsDigest = Data(digest)
                $0.discoveryDigest = Data(state.discoveryKey?.digest ?? [])
            }
        }
    }
}
