import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a far node's answer to a deposit means for the item. The far node may be hostile: whatever it says is about this
/// item alone.
enum FarAnswer: Equatable {
    case attempt(OutboxItem.Attempt)
    /// The node is not one of the account's any more: the next one of the route is asked.
    case retired

    /// - Parameter targets: how many were asked for.
    init(_ response: WireResponse, targets: Int) {
        switch response.kind {
        case .deposited(let deposited) where deposited.outcomes.count == targets:
            self = .attempt(.answered(deposited.outcomes.map { Self.answer($0) }))
        case .refusal(let refusal):
            if refusal.code == .nodeRetired {
                self = .retired
                return
            }
            switch Self.answer(refusal) {
            case .later(.farTrouble, let advice): self = .attempt(.failed(.farTrouble, advice: advice))
            case let answer: self = .attempt(.answered([OutboxItem.Answer](repeating: answer, count: targets)))
            }
        default: self = .attempt(.failed(.farTrouble, advice: nil))
        }
    }

    private static func answer(_ outcome: WireDeposited.Outcome) -> OutboxItem.Answer {
        switch outcome.state {
        case .stored, .duplicate: .stored
        case .refused: answer(outcome.refusal)
        case .unspecified, .UNRECOGNIZED: .later(.farTrouble, advice: nil)
        }
    }

    private static func answer(_ refusal: WireRefusal) -> OutboxItem.Answer {
        let advice = refusal.retryAfterMs == 0 ? nil : Int64(refusal.retryAfterMs / 1000) + 1
        switch refusal.code {
        case .mailboxFull, .nodeFull: return .later(.mailboxFull, advice: advice)
        case .conflict, .unknownMailbox, .notAllowed, .tooLarge, .malformed:
            return .refused(code: Int64(refusal.code.rawValue), detail: refusal.detail)
        // Trouble, and what is no answer to a deposit.
        case .diskFull, .busy, .internal, .nodeRetired, .unspecified, .inviteUsed, .inviteExpired, .inviteWrongKind,
            .rosterConflict, .rosterRefused, .noPrekeys, .alreadyOwned, .unknownRoute, .outboxFull, .grantRevoked,
            .locked, .oldCopy,
            .UNRECOGNIZED:
            return .later(.farTrouble, advice: advice)
        }
    }
}

extension OutboxSchedule.Trouble {
    init(_ error: any Error) {
        switch error {
        case TransportError.refused, TransportError.closed(.revoked, _): self = .unknownKey
        default: self = .unreachable
        }
    }

    /// Of several nodes of one route: that one of them answers with silence says more than that others do not answer.
    func and(_ other: OutboxSchedule.Trouble) -> OutboxSchedule.Trouble { other == .unknownKey ? other : self }
}

extension WireDeposit {
    init(_ deposit: Deposit) {
        self.init()
        targets = deposit.targets.map { target in
            .with {
                $0.mailbox = Data(target.device)
                $0.envelopeID = Data(target.id)
                $0.header = Data(target.header)
            }
        }
        body = Data(deposit.body)
    }
}
