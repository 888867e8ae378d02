import Logging
import SpeemCrypto
import SpeemMailbox
import SpeemProtocol
import SpeemSpool
import SpeemStore
import SwiftProtobuf
import Synchronization

/// Takes deposits into the spool while the mailboxes cannot be reached.
final class LockedIntake: Sendable {
    let spool: Spool
    private let mailboxes: Set<[UInt8]>
    private let parties: [Int64: [UInt8]]
    private let isRetired: Bool
    private let logger: Logger
    private let mutable: Mutex<Mutable>

    private struct Mutable {
        var shares: LockedShares
        var known = SpooledIDs()
    }

    /// How long a sender waits before it tries a full spool again: nothing makes room but a person.
    private static let fullRetry: UInt32 = 300_000
    private static let busy = WireResponse.refusal(.busy, "too much at once", retryAfterMilliseconds: 500)

    init(_ record: MachineRecord, spool: Spool, perContact: Int64, logger: Logger) {
        self.spool = spool
        self.logger = logger
        mailboxes = Set(record.mailboxes)
        parties = record.parties
        isRetired = record.isRetired
        let contacts = Set(record.grants.filter(\.kind.isOfContact).map(\.party)).count
        mutable = Mutex(
            Mutable(
                shares: LockedShares(
                    free: spool.usage.limit - spool.earlier, perContact: perContact, contacts: Int64(contacts))))
    }

    /// Answered after it is on disk.
    func deposit(_ deposit: WireDeposit, from entry: NodeAccess.Entry) async -> WireResponse {
        guard !isRetired else {
            return .refusal(.nodeRetired, "this node is not one of the account's any more: fetch the roster")
        }
        guard let name = parties[entry.party] else { return .refusal(.notAllowed, "this grant does not allow that") }
        let body = [UInt8](deposit.body)
        var outcomes = mutable.withLock { mutable in
            deposit.targets.map { verdict(on: $0, body, of: entry.party, mutable.known) }
        }
        let new = outcomes.indices.filter { outcomes[$0] == nil }
        if !new.isEmpty {
            let part = WireDeposit.with {
                $0.targets = new.map { deposit.targets[$0] }
                $0.body = deposit.body
            }
            let answer: WireDeposited.Outcome
            switch await take(SpooledDeposit(party: name, deposit: part).encoded, of: entry.party) {
            case .outcome(let outcome): answer = outcome
            case .refusal(let refusal): return refusal
            }
            for index in new { outcomes[index] = answer }
            if answer.state == .stored {
                mutable.withLock { mutable in
                    for target in part.targets {
                        mutable.known.remember(
                            party: entry.party, mailbox: [UInt8](target.mailbox), id: [UInt8](target.envelopeID),
                            header: [UInt8](target.header), body: body)
                    }
                }
            }
        }
        return .with { $0.deposited = .with { $0.outcomes = outcomes.compactMap(\.self) } }
    }

    /// - Returns: nil for what is to be taken in.
    private func verdict(
        on target: WireTarget, _ body: [UInt8], of party: Int64, _ known: SpooledIDs
    ) -> WireDeposited.Outcome? {
        let mailbox = [UInt8](target.mailbox)
        guard mailboxes.contains(mailbox) else { return .init(.refused(.unknownMailbox)) }
        switch known.verdict(
            party: party, mailbox: mailbox, id: [UInt8](target.envelopeID), header: [UInt8](target.header), body: body)
        {
        case .new: return nil
        case .duplicate: return .init(.duplicate)
        case .conflict: return .init(.refused(.conflict))
        }
    }

    private enum Taken {
        case outcome(WireDeposited.Outcome)
        case refusal(WireResponse)
    }

    private func take(_ bytes: [UInt8], of party: Int64) async -> Taken {
        let size = Int64(bytes.count)
        switch mutable.withLock({ $0.shares.take(size, of: party) }) {
        case .accepted: break
        case .shareFull: return .outcome(full(.mailboxFull, "your share of what a locked node takes in is used up"))
        case .nodeFull: return .outcome(full(.nodeFull, "the node is locked, and takes nothing more in"))
        }
        do throws(SpoolError) {
            try await spool.append(bytes)
            return .outcome(.with { $0.state = .stored })
        } catch {
            mutable.withLock { $0.shares.giveBack(size, of: party) }
            switch error {
            case .full: return .outcome(full(.nodeFull, "the node is locked, and takes nothing more in"))
            case .busy, .closed: return .refusal(Self.busy)
            case .tooLarge: return .refusal(.refusal(.tooLarge, "\(error)"))
            case .diskFull:
                logger.error("\(error)")
                return .refusal(.refusal(.diskFull, "the node's disk is full", retryAfterMilliseconds: 20_000))
            case .failed, .file:
                logger.error("\(error)")
                return .refusal(.refusal(.internal, "the node's spool failed"))
            }
        }
    }

    private func full(_ code: WireRefusal.Code, _ words: String) -> WireDeposited.Outcome {
        .with {
            $0.state = .refused
            $0.refusal = WireRefusal(code, words, retryAfterMilliseconds: Self.fullRetry)
        }
    }
}
