import Foundation
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

/// A backup in a file of its own.
final class BackupOnDisk: Sendable {
    let path = "/tmp/speem-backup-\(UInt64.random(in: 0 ... .max))"
    let result: JSON

    /// As `speem backup` makes it.
    init(of device: TestDevice) async throws {
        let bytes = Mutex<[UInt8]>([])
        let session = ControlSession { method, parameters in
            guard method == "backup.part" else { return }
            let part = Hex.decode(parameters["bytes"]?.stringValue ?? "") ?? []
            bytes.withLock { $0 += part }
        }
        result = try await device.open {
            try await DeviceControl(device: $0, isDaemon: false).call("backup", .object([:]), session: session)
        }
        try Data(bytes.withLock { $0 }).write(to: URL(fileURLWithPath: path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
}

extension TestDevice {
    func backup() async throws -> BackupOnDisk { try await BackupOnDisk(of: self) }

    @discardableResult
    func restore(_ backup: BackupOnDisk, _ words: RecoveryWords?, clock: WallClock = .system) async throws
        -> Restore.Report
    {
        let words = try #require(words)
        return try await Restore.run(
            AccountKey(words: words.words.joined(separator: " ")), path: backup.path, config: config,
            group: MultiThreadedEventLoopGroup.singleton, clock: clock, logger: quietLogger)
    }
}
