import SpeemCrypto
@testable import SpeemMailbox
import SpeemProtocol
@testable import SpeemStore
import Testing

@testable import SpeemNode

/// The node's state in Prometheus' words.
struct NodeMetricsTests {
    private func report(devices: Int = 2, disk: Store.DiskState? = nil) -> NodeReport {
        let ids = (0..<devices).map { [UInt8](repeating: UInt8($0 + 1), count: 16) }
        return NodeReport(
            uptime: 77, isOwned: true, isRetired: false, stored: 1234, quota: 1_000_000,
            mailboxes: ids.map { MailboxState(device: $0, envelopes: 3, bytes: 600, oldestAge: 42) }, contacts: 5,
            connections: 4, devicesOnline: Array(ids.prefix(1)), contactsOnline: 2, commits: 99, outboxWaiting: 6,
            routesInTrouble: 1, clock: .never,
            disk: disk
                ?? Store.DiskState(
                    space: DiskSpace(used: 10, free: 20, total: 30), refuses: true, written: 8192), keySource: "file")
    }

    /// The samples by their names and labels; every line is one, or says something about the next.
    private func samples(_ text: String) throws -> [String: String] {
        var samples: [String: String] = [:]
        var described: (help: String, type: String) = ("", "")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") {
                described = (String(words[2]), "")
                #expect(words.count > 3)
            } else if line.hasPrefix("# TYPE ") {
                #expect(words.count == 4 && words[2] == described.help)
                described.type = String(words[3])
            } else {
                try #require(words.count == 2, "\(line)")
                let name = String(words[0].prefix { $0 != "{" })
                #expect(name == described.help && ["gauge", "counter"].contains(described.type), "\(line)")
                #expect(name.hasSuffix("_total") == (described.type == "counter"), "\(line)")
                #expect(name.hasPrefix("speem_"))
                #expect(samples.updateValue(String(words[1]), forKey: String(words[0])) == nil, "\(line) comes twice")
            }
        }
        return samples
    }

    @Test func everyValueIsThere() throws {
        let (first, second) = (String(repeating: "01", count: 16), String(repeating: "02", count: 16))
        #expect(
            try samples(NodeMetrics(report()).text) == [
                "speem_build_info{version=\"\(SpeemVersion.text)\"}": "1",
                "speem_uptime_seconds": "77", "speem_owned": "1", "speem_retired": "0", "speem_locked": "0",
                "speem_clock_synchronised": "0",
                "speem_mailbox_envelopes{device=\"\(first)\"}": "3",
                "speem_mailbox_envelopes{device=\"\(second)\"}": "3",
                "speem_mailbox_bytes{device=\"\(first)\"}": "600", "speem_mailbox_bytes{device=\"\(second)\"}": "600",
                "speem_mailbox_oldest_age_seconds{device=\"\(first)\"}": "42",
                "speem_mailbox_oldest_age_seconds{device=\"\(second)\"}": "42",
                "speem_device_online{device=\"\(first)\"}": "1", "speem_device_online{device=\"\(second)\"}": "0",
                "speem_mailboxes_used_bytes": "1234", "speem_mailboxes_quota_bytes": "1000000",
                "speem_outbox_envelopes": "6", "speem_outbox_routes_in_trouble": "1",
                "speem_connections": "4", "speem_contacts": "5", "speem_contacts_online": "2",
                "speem_disk_used_bytes": "10", "speem_disk_free_bytes": "20", "speem_disk_size_bytes": "30",
                "speem_disk_refuses": "1", "speem_disk_written_bytes_total": "8192",
                "speem_store_commits_total": "99",
            ])
    }

    @Test func whatIsNotKnownIsNotShown() throws {
        let unknown = Store.DiskState(space: nil, refuses: false, written: nil)
        let samples = try samples(NodeMetrics(report(devices: 0, disk: unknown)).text)
        #expect(samples["speem_disk_refuses"] == "0")
        for name in samples.keys {
            #expect(!name.hasPrefix("speem_mailbox_") && !name.hasPrefix("speem_device_"), "\(name)")
            #expect(!name.hasPrefix("speem_disk_") || name == "speem_disk_refuses", "\(name)")
        }
    }
}
