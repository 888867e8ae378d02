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

/// The inviter's side after a contact request: takes up the grant that the newcomer offered.
struct RedeemFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// Takes it up, or, when the node refuses for good, writes that down.
    ///
    /// - Throws: what may pass.
    func redeem(_ redeem: RedeemRows.Redeem) async throws {
        let permanent = try await state.store.read { try InitiatorRows.find(redeem.permanent, in: $0) }
        guard let permanent else { throw DeviceError.damaged("a contact's key") }
        do {
            let response = try await connections.request(
                .with {
                    $0.redeem = .with {
                        $0.initiatorKey = Data(permanent.credentials.initiatorKey.publicKey.bytes)
                    }
                }, over: redeem.oneTime)
            try response.requireNoRefusal()
            guard case .redeemed = response.kind else { throw TransportError.violation("not a redemption") }
        } catch let error as RefusalError where !error.isTemporary {
            // An answer may have been lost, and the invite be forgotten since.
            guard await !connections.isKnown(redeem.permanent) else { return try await finish(redeem) }
            await connections.close(redeem.oneTime)
            state.logger.warning("the grant that contact \(redeem.contact) offered cannot be used: \(error)")
            try await state.store.write {
                try RedeemRows.refused(redeem, reason: "its node refused us: \(error)", in: $0)
            }
            return
        } catch let error as TransportError {
            guard case .refused = error, await connections.isKnown(redeem.permanent) else { throw error }
        }
        try await finish(redeem)
    }

    private func finish(_ redeem: RedeemRows.Redeem) async throws {
        await connections.close(redeem.oneTime)
        try await state.store.write { try RedeemRows.redeemed(redeem, in: $0) }
    }
}
