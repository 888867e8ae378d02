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
        let node = try await state.store.read { try InitiatorRows.find(redeem.oneTime, in: $0)?.node }
        guard let permanent, let node else { throw DeviceError.damaged("a contact's key") }
        do {
            let response = try await connections.connection(redeem.oneTime, at: node).request(
                .with { $0.redeem = .with { $0.initiatorKey = Data(permanent.key.publicKey.bytes) } })
            try response.requireNoRefusal()
            guard case .redeemed = response.kind else { throw TransportError.violation("not a redemption") }
        } catch let error as RefusalError where !error.isTemporary {
            // An answer may have been lost, and the invite be forgotten since.
            guard await !connections.isKnown(redeem.permanent, at: node) else { return try await finish(redeem) }
            await connections.close(redeem.oneTime)
            state.logger.warning("the grant that contact \(redeem.contact) offered cannot be used: \(error)")
            try await state.store.write {
                try RedeemRows.refused(redeem, reason: "its node refused us: \(error)", in: $0)
            }
            return
        } catch let error as TransportError {
            guard case .refused = error, await connections.isKnown(redeem.permanent, at: node) else { throw error }
        }
        try await finish(redeem)
    }

    private func finish(_ redeem: RedeemRows.Redeem) async throws {
        await connections.close(redeem.oneTime)
        try await state.store.write { try RedeemRows.redeemed(redeem, in: $0) }
    }
}
