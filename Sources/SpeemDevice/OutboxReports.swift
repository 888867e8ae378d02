import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an own node tells of the envelopes in its outbox.
struct OutboxReports: Sendable {
    let state: DeviceState
    let clock: WallClock

    /// Pages that are asked for at the most.
    private static let maxPages = 1024

    /// Asks for all of them.
    ///
    /// - Parameter node: the one at the other end: what it was known to have and does not list is sent again.
    /// - Returns: whether something has come to its end.
    func fetch(over connection: ClientConnection, node: NodeEntry? = nil) async throws -> Bool {
        var after = Data()
        var isNews = false
        // Before the first page: what is put there meanwhile may be missing in the list.
        var missing: Set<[UInt8]> = []
        if let key = node?.noise.bytes {
            missing = try await state.store.read { try OutgoingRows.items(at: key, in: $0) }
        }
        for _ in 0..<Self.maxPages {
            let last = after
            let response = try await connection.request(.with { $0.outboxList = .with { $0.after = last } })
            try response.requireNoRefusal()
            guard case .outboxPage(let page) = response.kind else { throw TransportError.violation("not an outbox") }
            if try await take(page.items, over: connection) { isNews = true }
            for item in page.items { missing.remove([UInt8](item.item)) }
            guard page.more, let next = page.items.last?.item else {
                let lost = missing
                guard !lost.isEmpty else { return isNews }
                try await state.store.write { connection in
                    for item in lost { try OutgoingRows.requeue(item: item, in: connection) }
                }
                return true
            }
            after = next
        }
        return isNews
    }

    /// Commits reports, and lets the node forget what is over.
    @discardableResult
    func take(_ items: [WireOutboxItem], over connection: ClientConnection) async throws -> Bool {
        guard !items.isEmpty else { return false }
        let now = clock.milliseconds()
        try await state.store.write { connection in
            for item in items { try Self.apply(item, now: now, in: connection) }
        }
        let over = items.filter { $0.state != .waiting }.map(\.item)
        guard !over.isEmpty else { return false }
        let response = try await connection.request(.with { $0.outboxAcknowledge = .with { $0.items = over } })
        try response.requireNoRefusal()
        return true
    }

    static func apply(_ item: WireOutboxItem, now: Int64, in connection: Connection) throws {
        for (place, target) in item.targets.enumerated() {
            guard
                let envelope = try OutgoingRows.envelope(ofItem: [UInt8](item.item), place: place, in: connection)
            else { continue }
            switch target.state {
            case .stored, .duplicate: try OutgoingRows.stored(envelope, in: connection)
            case .refused:
                if target.refusal.code == .nodeRetired, try OutgoingRows.takeBack(envelope, in: connection) { continue }
                try OutgoingRows.refused(envelope, RefusalError(target.refusal), now: now, in: connection)
            case .unspecified, .UNRECOGNIZED:
                switch item.state {
                case .expired, .refused, .stored:
                    try OutgoingRows.failed(
                        envelope, reason: "the contact's node could not be reached for too long", in: connection)
                case .waiting, .unspecified, .UNRECOGNIZED:
                    try waits(item, envelope, now: now, in: connection)
                }
            }
        }
    }

    private static func waits(
        _ item: WireOutboxItem, _ envelope: OutgoingEnvelope, now: Int64, in connection: Connection
    ) throws {
        let trouble = words(item.trouble)
        if let trouble, item.trouble == .unknownKey {
            // The account may have other nodes by now, or the node have lost our grants: this device looks, and registers
            // the own node's key anew. The own node tries on, too.
            try RouteRows.forgetNode(of: envelope, in: connection)
            try OutgoingRows.goesDirect(envelope, trouble: trouble, now: now, in: connection)
            return try OutgoingRows.lookForRoster(of: envelope, in: connection)
        }
        let since = now.subtractingReportingOverflow(Int64(clamping: min(item.troubleSeconds, 1 << 40)) * 1000)
        try OutgoingRows.reported(envelope, trouble: trouble, since: since.partialValue, in: connection)
    }

    /// Why an item waits, for a person.
    static func words(_ trouble: WireOutboxItem.Trouble) -> String? {
        switch trouble {
        case .unspecified, .UNRECOGNIZED: nil
        case .notTriedYet: nil
        case .unreachable: "your node cannot reach the contact's node"
        case .unknownKey: "the contact's node does not let your node in any more"
        case .mailboxFull: "the mailbox at the contact's node is full"
        case .farTrouble: "the contact's node is busy, or its disk is full"
        case .noRoute: "your node knows no way to the contact's node"
        }
    }
}
