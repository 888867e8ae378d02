import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Begins a new session with a contact whose messages cannot be opened any more, because too many are missing before
/// them. The first message of it says nothing; the contact's next one comes in the new session.
struct SessionRenewal: Sendable {
    let state: DeviceState

    /// Queues what begins the session.
    func renew(_ contact: Contact, over connection: ClientConnection) async throws {
        let roster = try await state.store.read { try ContactRows.roster(of: contact, in: $0) }
        for device in roster.devices {
            let bundle = try await connection.takePrekeys(of: device)
            let state = state
            try await state.store.write { connection in
                let session = try Session.initiate(
                    local: state.local, peer: SessionParty(account: contact.account, device: device), bundle: bundle,
                    random: state.random)
                try OutgoingMail(state: state).queueGreeting(in: session, to: contact, in: connection)
            }
        }
        try await state.store.write {
            try $0.execute("UPDATE contact SET renew = 0 WHERE id = ?", .integer(contact.id))
        }
    }
}

extension ClientConnection {
    /// A bundle of prekeys of `device`, checked against its entry.
    func takePrekeys(of device: DeviceEntry) async throws -> SpeemSessions.PrekeyBundle {
        let response = try await request(.with { $0.prekeyTake = .with { $0.device = Data(device.id.bytes) } })
        try response.requireNoRefusal()
        guard case .prekeyBundle(let bundle) = response.kind else { throw TransportError.violation("not prekeys") }
        return try PrekeyBundle(
            device: device, signed: [UInt8](bundle.signedPrekey), kem: [UInt8](bundle.kemPrekey),
            isLastResort: bundle.lastResort,
            oneTime: bundle.oneTimePrekey.isEmpty ? nil : [UInt8](bundle.oneTimePrekey))
    }
}
