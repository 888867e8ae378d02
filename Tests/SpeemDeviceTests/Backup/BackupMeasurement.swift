import Foundation
import SpeemCrypto
import SpeemSessions
import SpeemStore
import Testing

@testable import SpeemDevice

/// How fast a long history is backed up and read back, and that it is never held in memory. With SPEEM_MEASURE set.
struct BackupMeasurement {
    private static let count = 100_000

    /// The highest resident memory since the last reset, KiB; 0 where the kernel does not tell.
    private func peak() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    private func resetPeak() { try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8) }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["SPEEM_MEASURE"] != nil))
    func aLongHistory() async throws {
        try await TestPair.with { pair in
            try await pair.alice.open { device in
                for batch in 0..<(Self.count / 1000) {
                    try await device.state.store.write { connection in
                        let bob = try ContactRows.find(name: "bob", in: connection)
                        for number in 0..<1000 {
                            try MessageRows.insert(
                                contact: bob.id, id: try MessageID(device.state.random.bytes(32)),
                                outgoing: number % 2 == 0, text: String(repeating: "text \(number) ", count: 8),
                                sent: Int64(batch * 1000 + number), state: number % 2 == 0 ? .delivered : .read,
                                in: connection)
                        }
                    }
                }
            }
            resetPeak()
            var before = peak()
            let clock = ContinuousClock()
            var bytes: Int64 = 0
            // Without a file: only what the device itself holds counts.
            let made = try await clock.measure {
                try await pair.alice.open { device in
                    let written = Counter()
                    _ = try await BackupMaker(state: device.state, clock: .system).run(
                        onProgress: { _, _ in }, write: { written.add(Int64($0.count)) })
                    #expect(written.value > 0)
                }
            }
            print("backup: \(made), \(peak() - before) KiB more memory")
            let backup = try await pair.alice.backup()
            bytes = Int64(try backup.bytes().count)
            resetPeak()
            before = peak()
            let fresh = try TestDevice(new: "fresh")
            let read = try await clock.measure {
                let report = try await fresh.restore(backup, pair.alice.words)
                #expect(report.messages == Int64(Self.count))
            }
            print("restore: \(read), \(peak() - before) KiB more memory; \(bytes) bytes")
        }
    }
}

private final class Counter: @unchecked Sendable {
    // Sendable is sound: one task adds, one after the other, and reads after that.
    private(set) var value: Int64 = 0
    func add(_ count: Int64) { value += count }
}
