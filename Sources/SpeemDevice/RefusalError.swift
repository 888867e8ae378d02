import SpeemProtocol

extension WireResponse {
    /// The refusal inside, as an error for people.
    func requireNoRefusal() throws {
        if case .refusal(let refusal) = kind { throw RefusalError(refusal) }
    }
}

/// A node's refusal.
struct RefusalError: Error, Equatable, CustomStringConvertible {
    let code: WireRefusal.Code
    let detail: String
    let retryAfterMilliseconds: UInt32

    init(_ refusal: WireRefusal) {
        code = refusal.code
        detail = refusal.detail
        retryAfterMilliseconds = refusal.retryAfterMs
    }

    var description: String { detail.isEmpty ? "\(code)" : detail }

    /// Whether the same request may succeed later.
    var isTemporary: Bool {
        switch code {
        case .mailboxFull, .nodeFull, .diskFull, .busy, .internal, .noPrekeys, .nodeRetired, .unknownRoute, .outboxFull,
            .locked:
            true
        case .unspecified, .notAllowed, .malformed, .tooLarge, .conflict, .unknownMailbox, .inviteUsed,
            .inviteExpired, .inviteWrongKind, .rosterConflict, .rosterRefused, .alreadyOwned, .grantRevoked, .oldCopy,
            .UNRECOGNIZED:
            false
        }
    }
}
