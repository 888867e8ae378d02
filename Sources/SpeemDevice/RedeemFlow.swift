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

/// The inviter's side after a contact request: takes up the grant that the newcomer offered, and answers.
struct RedeemFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// Redeems all that is open.
    ///
    /// - Returns: whether something is left that may succeed later.
    func redeemAll() async throws -> Bool {
        var isWaiting = false
        for redeem in try await state.store.read({ try ContactRows.redeems(in: $0) }) {
            do {
                try await self.redeem(redeem)
            } catch let error as StoreError {
                throw error
            } catch {
                state.logger.debug("contact \(redeem.contact) cannot be answered yet: \(error)")
                isWaiting = true
            }
        }
        return isWaiting
    }

    private func redeem(_ redeem: ContactRows.Redeem) async throws {
        guard let permanent = try await state.store.read({ try InitiatorRows.find(redeem.initiator, in: $0) }) else {
            return
        }
        let response = try await connections.request(
            .with {
                $0.redeem = .with {
                    $0.initiatorKey = Data(permanent.credentials.initiatorKey.publicKey.bytes)
                }
            }, over: redeem.oneTime)
        await connections.close(redeem.oneTime)
        try response.requireNoRefusal()
        let outgoing = OutgoingMail(state: state)
        try await state.store.write { connection in
            guard let contact = try ContactRows.find(redeem.contact, in: connection) else { return }
            try ContactRows.redeemed(redeem, in: connection)
            try outgoing.queueAccept(to: contact, in: connection)
        }
    }
}
