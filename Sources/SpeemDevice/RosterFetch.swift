import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

extension ClientConnection {
    /// The encoded entries of the node's chain behind number `after`, oldest first.
    func fetchRosterEntries(after: UInt64 = 0) async throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        while true {
            let last = after + UInt64(entries.count)
            let response = try await request(.with { $0.rosterFetch = .with { $0.after = last } })
            try response.requireNoRefusal()
            guard case .rosterChain(let chain) = response.kind else { throw TransportError.violation("not a roster") }
            entries += chain.entries.map { [UInt8]($0) }
            guard chain.more, !chain.entries.isEmpty, entries.count <= Roster.maxEntries else { return entries }
        }
    }
}
