import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync

/// Settings that all devices of the account have in common.
enum AccountSetting: String, CaseIterable, Sendable {
    /// Whether contacts are told that their messages were read.
    case readReceipts = "read_receipts"

    func isOn(in connection: Connection) throws -> Bool {
        try RegisterRows.find(.setting(rawValue), in: connection)?.value == [1]
    }
}

extension Device {
    /// The person has seen received messages up to this number: own devices are told, and contacts if they may know.
    func markRead(upTo number: Int64) async throws {
        let state = state
        let count = try await state.store.write { connection in
            let read = try MessageRows.markRead(upTo: number, in: connection)
            guard !read.isEmpty else { return 0 }
            let byContact = Dictionary(grouping: read, by: \.contact)
            let tellsContacts = try AccountSetting.readReceipts.isOn(in: connection)
            for (id, messages) in byContact.sorted(by: { $0.key < $1.key }) {
                guard let contact = try ContactRows.find(id, in: connection) else { continue }
                try OwnSync(state: state).queueMarks(
                    messages.map { .mark($0.id, conversation: contact.account, seen: true) }, in: connection)
                if tellsContacts {
                    try OutgoingMail(state: state).queueReceipt(.read, messages.map(\.id), to: id, in: connection)
                }
            }
            return read.count
        }
        if count > 0 { work.notify() }
    }
}
