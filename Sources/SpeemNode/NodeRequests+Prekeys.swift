import Logging
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// Prekeys: brought by own devices, taken by those who begin a session.
extension NodeRequests {
    func uploadPrekeys(
        _ upload: WirePrekeyUpload, _ device: DeviceID, by asker: NodeAccess.Entry
    ) async throws -> WireResponse {
        guard !upload.signedPrekey.isEmpty, !upload.lastResortKemPrekey.isEmpty else {
            throw Refused(.malformed, "an upload brings the signed and the last-resort prekey")
        }
        let unassigned = try await state.write(by: asker) { connection in
            try PrekeyRows.upload(upload, device: device.bytes, in: connection)
        }
        return .with { $0.prekeyUploaded = .with { $0.unassigned = UInt32(clamping: unassigned) } }
    }

    /// What is reserved for the grant is taken and logged. Once that is used up nothing changes, so nothing is written
    /// or logged either: however often a contact asks, it costs a read.
    func takePrekeys(_ take: WirePrekeyTake, _ peer: Peer) async throws -> WireResponse {
        try requireInService()
        let device = [UInt8](take.device)
        let grant = peer.grant.id
        let rest = try await state.store.read { connection in
            (
                hasReserved: try PrekeyRows.hasReserved(device: device, grant: grant, in: connection),
                lastResort: try PrekeyRows.lastResort(device: device, in: connection)
            )
        }
        var bundle = rest.lastResort
        if rest.hasReserved {
            bundle = try await state.write { try PrekeyRows.take(device: device, grant: grant, in: $0) }
            state.logger.info("prekeys taken", metadata: ["grant": "\(grant)"])
        }
        guard let bundle else { throw Refused(.noPrekeys, "the device has not uploaded prekeys yet") }
        return .with { $0.prekeyBundle = bundle }
    }
}
