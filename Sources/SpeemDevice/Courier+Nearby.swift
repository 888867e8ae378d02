import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// Straight to devices that are on the same network.
extension Courier {
    /// Brings what is for devices of a contact that were found nearby, also what an own node is trying to bring; what cannot
    /// be brought goes through the nodes as ever, and what came both ways is taken once.
    ///
    /// - Returns: how many envelopes a device has taken.
    func deliverNearby(to contact: Contact) async -> Int {
        var count = 0
        do {
            let devices = try await state.store.read { [state] in
                try ContactRows.roster(of: contact, in: $0).devices.filter { $0.id != state.id }
            }
            for device in devices where !connections.nearbyAddresses(of: device.noise.bytes).isEmpty {
                do {
                    count += try await deliver(to: device, of: contact)
                } catch {
                    state.logger.debug("a device on this network did not take it: \(error)")
                }
            }
        } catch {
            state.logger.error("what waits for devices on this network cannot be read: \(error)")
        }
        return count
    }

    private func deliver(to device: DeviceEntry, of contact: Contact) async throws -> Int {
        var count = 0
        while !Task.isCancelled {
            let waiting = try await state.store.read {
                try OutgoingRows.undelivered(to: device.id, of: contact.id, limit: Int64(Self.window), in: $0)
            }
            guard !waiting.isEmpty else { return count }
            let connection = try await connections.connection(contact.initiator, atNearby: device.noise)
            let responses = try await connection.request(
                all: waiting.map { envelope in .with { $0.deposit = .init([envelope]) } })
            var taken: [OutgoingEnvelope] = []
            for (envelope, response) in zip(waiting, responses) {
                if case nil = try Self.outcomes(of: response, count: 1)[0] { taken.append(envelope) }
            }
            let done = taken
            try await state.store.write { connection in
                for envelope in done { try OutgoingRows.stored(envelope, in: connection) }
            }
            count += done.count
            // What it has not taken it will not take a moment later.
            guard done.count == waiting.count else { return count }
        }
        return count
    }
}
