import Logging
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

/// Prekeys: brought by own devices, taken by those who begin a session.
extension NodeRequests {
    func uploadPrekeys(_ upload: WirePrekeyUpload, _ device: DeviceID) async throws -> WireResponse {
        guard !upload.signedPrekey.isEmpty, !upload.lastResortKemPrekey.isEmpty else {
            throw Refused(.malformed, "an upload brings the signed and the last-resort prekey")
        }
        let unassigned = try await state.write { connection in
            try PrekeyRows.upload(upload, device: device.bytes, in: connection)
        }
        return .with { $0.prekeyUploaded = .with { $0.unassigned = UInt32(clamping: unassigned) } }
    }

    /// Taken, logged and answered for one grant; what is reserved for others stays.
    func takePrekeys(_ take: WirePrekeyTake, _ peer: Peer) async throws -> WireResponse {
        let device = [UInt8](take.device)
        let grant = peer.grant.id
        let bundle = try await state.write { connection in
            try PrekeyRows.take(device: device, grant: grant, in: connection)
        }
        guard let bundle else { throw Refused(.noPrekeys, "the device has not uploaded prekeys yet") }
        state.logger.info(
            "prekeys taken", metadata: ["grant": "\(grant)", "last_resort": "\(bundle.lastResort)"])
        return .with { $0.prekeyBundle = bundle }
    }
}
