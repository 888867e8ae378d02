import SpeemCrypto
import SpeemStore
import SpeemTransport

/// Backups: the file's bytes go to the caller as they are made, who writes them where the person wants them. So it needs no
/// rights of the daemon's.
extension DeviceControl {
    /// Bytes of the file in one notification, which are twice as many characters.
    private static let partBytes = 256 * 1024

    func backup(_ session: ControlSession) async throws -> JSON {
        var pending: [UInt8] = []
        var written: Int64 = 0
        let manifest = try await BackupMaker(state: device.state, clock: device.clock).run(
            onProgress: { done, total in
                try await session.notify("backup.progress", .object(["rows": .integer(done), "of": .integer(total)]))
            },
            write: { bytes in
                pending += bytes
                guard pending.count >= Self.partBytes else { return }
                written += Int64(pending.count)
                try await session.notify("backup.part", .object(["bytes": .string(Hex.encode(pending))]))
                pending.removeAll(keepingCapacity: true)
            })
        written += Int64(pending.count)
        try await session.notify("backup.part", .object(["bytes": .string(Hex.encode(pending))]))
        let messages = try await device.state.store.read { connection in
            try connection.first("SELECT count(*) FROM message WHERE deleted = 0") { row throws(StoreError) in
                try row.integer(0)
            } ?? 0
        }
        return .object([
            "bytes": .integer(written), "made_ms": .integer(manifest.made), "messages": .integer(messages),
        ])
    }
}
