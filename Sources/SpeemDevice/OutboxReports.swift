import Logging
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
    /// - Returns: whether something has come to its end.
    func fetch(over connection: ClientConnection) async throws -> Bool {
        var after = Data()
        var isNews = false
        for _ in 0..<Self.maxPages {
            let last = after
            let response = try await connection.request(.with { $0.outboxList = .with { $0.after = last } })
            try response.requireNoRefusal()
            guard case .outboxPage(let page) = response.kind else { throw TransportError.violation("not an outbox") }
            if try await take(page.items, over: connection) { isNews = true }
            guard page.more, let next = page.items.last?.item else { break }
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
        let envelopes = try OutgoingRows.envelopes(ofItem: [UInt8](item.item), in: connection)
        // Of an item that this device does not know any more there is nothing to tell.
        guard envelopes.count == item.targets.count else { return }
        for (envelope, target) in zip(envelopes, item.targets) {
            switch target.state {
            case .stored, .duplicate: try OutgoingRows.stored(envelope, in: connection)
            case .refused:
                if target.refusal.code == .unknownMailbox || target.refusal.code == .nodeRetired,
                    try OutgoingRows.takeBack(envelope, in: connection)
                {
                    continue
                }
                let error = RefusalError(target.refusal)
                try OutgoingRows.failed(envelope, reason: error.description, in: connection)
            case .unspecified, .UNRECOGNIZED:
                switch item.state {
                case .expired, .refused, .stored:
                    try OutgoingRows.failed(
                        envelope, reason: "the contact's node could not be reached for too long", in: connection)
                case .waiting, .unspecified, .UNRECOGNIZED:
                    try OutgoingRows.reported(
                        envelope, trouble: words(item.trouble),
                        since: now - Int64(clamping: item.troubleSeconds) * 1000, in: connection)
                }
            }
        }
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
