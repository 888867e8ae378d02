import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemSync

/// What contacts are called, the same on all own devices.
///
/// A name is a register, whether the person has chosen it or the contact has told it. Where several have the same name, or
/// names that look alike, the one that was given first has it alone, and the others get a number: names are told by
/// strangers, and must not pass for those of others.
enum ContactNames {
    /// Gives all contacts the names that follow from the registers, whatever the order in which those came.
    static func settle(in connection: Connection) throws {
        let contacts = try ContactRows.all(in: connection)
        var named: [(contact: Contact, name: String, stamp: Stamp)] = []
        var taken: Set<String> = []
        for contact in contacts {
            let register = try RegisterRows.find(.contactName(contact.account), in: connection)
            if let register, let name = String(validating: register.value, as: UTF8.self), !name.isEmpty,
                ContactName.problem(name) == nil
            {
                named.append((contact, name, register.stamp))
            } else {
                taken.insert(ContactName.folded(contact.name))
            }
        }
        var changes: [(id: Int64, name: String)] = []
        for (contact, name, _) in named.sorted(by: {
            ($0.stamp, Hex.encode($0.contact.account.bytes)) < ($1.stamp, Hex.encode($1.contact.account.bytes))
        }) {
            var candidate = name
            var number = 2
            while !taken.insert(ContactName.folded(candidate)).inserted {
                candidate = "\(name)-\(number)"
                number += 1
            }
            if candidate != contact.name { changes.append((contact.id, candidate)) }
        }
        // Names may change places, and no two are the same at any time.
        for change in changes {
            try connection.execute("UPDATE contact SET name = hex(account) WHERE id = ?", .integer(change.id))
        }
        for change in changes {
            try connection.execute(
                "UPDATE contact SET name = ? WHERE id = ?", .text(change.name), .integer(change.id))
        }
    }
}
