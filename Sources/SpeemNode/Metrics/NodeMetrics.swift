import SpeemCrypto
import SpeemMailbox
import SpeemProtocol
import SpeemStore

/// A node's state in Prometheus' text format 0.0.4. The names are stable.
struct NodeMetrics {
    private(set) var text = ""

    init(_ report: NodeReport) {
        gauge("speem_build_info", "What runs; always 1.", 1, labels: [("version", SpeemVersion.text)])
        gauge("speem_uptime_seconds", "Time since the start.", report.uptime)
        gauge("speem_owned", "Whether somebody owns the node.", report.isOwned)
        gauge("speem_retired", "Whether another node has taken its place.", report.isRetired)
        gauge("speem_locked", "Whether the store waits to be unlocked.", report.isLocked)
        gauge(
            "speem_clock_synchronised", "Whether something has set the clock since the start.", report.clock.isTrusted)

        let mailboxes = report.mailboxes.map { (device: Hex.encode($0.device), state: $0) }
        gauges(
            "speem_mailbox_envelopes", "Envelopes that wait for a device.",
            mailboxes.map { ($0.device, $0.state.envelopes) })
        gauges(
            "speem_mailbox_bytes", "Their size; what several devices wait for counts for each.",
            mailboxes.map { ($0.device, $0.state.bytes) })
        gauges(
            "speem_mailbox_oldest_age_seconds", "How long the oldest of them has waited; 0 when there is none.",
            mailboxes.map { ($0.device, $0.state.oldestAge) })
        let online = Set(report.devicesOnline)
        gauges(
            "speem_device_online", "Whether an own device is connected.",
            mailboxes.map { ($0.device, online.contains($0.state.device) ? 1 : 0) })
        gauge("speem_mailboxes_used_bytes", "What all mailboxes hold.", report.stored)
        gauge("speem_mailboxes_quota_bytes", "What all mailboxes may hold.", report.quota)

        gauge("speem_outbox_envelopes", "Envelopes on their way to other nodes.", report.outboxWaiting)
        gauge("speem_outbox_routes_in_trouble", "Nodes of contacts that do not take them.", report.routesInTrouble)

        gauge("speem_connections", "Open connections.", Int64(report.connections))
        gauge("speem_contacts", "Contacts that may deposit.", report.contacts)
        gauge("speem_contacts_online", "Contacts that are connected.", Int64(report.contactsOnline))

        if let space = report.disk.space {
            if let used = space.used {
                gauge("speem_disk_used_bytes", "What the data folder takes.", Int64(clamping: used))
            }
            gauge("speem_disk_free_bytes", "What the node may still write.", Int64(clamping: space.free))
            gauge("speem_disk_size_bytes", "The whole disk.", Int64(clamping: space.total))
        }
        gauge("speem_disk_refuses", "Whether the disk is too full for anything more.", report.disk.refuses)
        if let written = report.disk.written {
            counter(
                "speem_disk_written_bytes_total", "Given to the disk since the start, in whole blocks: its wear.",
                Int64(clamping: written))
        }
        counter("speem_store_commits_total", "Transactions of the store since it was made.", report.commits)
    }

    private mutating func gauge(_ name: String, _ help: String, _ value: Bool) { gauge(name, help, value ? 1 : 0) }

    private mutating func gauge(
        _ name: String, _ help: String, _ value: Int64, labels: [(name: String, value: String)] = []
    ) {
        head(name, help, type: "gauge")
        sample(name, labels, value)
    }

    /// One sample for each device.
    private mutating func gauges(_ name: String, _ help: String, _ values: [(device: String, value: Int64)]) {
        guard !values.isEmpty else { return }
        head(name, help, type: "gauge")
        for (device, value) in values { sample(name, [("device", device)], value) }
    }

    private mutating func counter(_ name: String, _ help: String, _ value: Int64) {
        head(name, help, type: "counter")
        sample(name, [], value)
    }

    private mutating func head(_ name: String, _ help: String, type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Int64) {
        // Values of labels are hexadecimal or our own version: nothing in them has to be escaped.
        let list = labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
        text += name + (list.isEmpty ? "" : "{\(list)}") + " \(value)\n"
    }
}
