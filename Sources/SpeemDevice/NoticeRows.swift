import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemSync

/// What a person has to be told once, on every device.
enum Notice: Sendable, Equatable {
    case linked(DeviceID)
    case removed(DeviceID)
    /// This device was removed by another one.
    case thisDeviceRemoved
    case words(String)

    fileprivate var code: Int64 {
        switch self {
        case .linked: 1
        case .removed: 2
        case .thisDeviceRemoved: 3
        case .words: 4
        }
    }
}

enum NoticeRows {
    /// Notices that are kept at the most.
    private static let maxCount: Int64 = 256

    /// - Parameter subject: nothing is told twice about the same head.
    static func insert(
        _ notice: Notice, about subject: RosterHead? = nil, in connection: Connection
    ) throws(StoreError) {
        let device: [UInt8]?
        let text: String
        switch notice {
        case .linked(let id), .removed(let id): (device, text) = (id.bytes, "")
        case .thisDeviceRemoved: (device, text) = (nil, "")
        case .words(let words): (device, text) = (nil, words)
        }
        try connection.execute(
            "INSERT INTO notice (kind, device, text, subject) VALUES (?, ?, ?, ?) ON CONFLICT (subject, text) DO NOTHING",
            .integer(notice.code), .optional(device), .text(text), .optional(subject?.bytes))
        try connection.execute(
            "DELETE FROM notice WHERE id <= (SELECT max(id) FROM notice) - ?", .integer(maxCount))
    }

    /// What was not shown yet, in words.
    static func unshown(in connection: Connection) throws -> [(id: Int64, text: String)] {
        let rows = try connection.query("SELECT id, kind, device, text FROM notice WHERE shown = 0 ORDER BY id") {
            row throws(StoreError) in
            (id: try row.integer(0), kind: try row.integer(1), device: try row.optionalBlob(2), text: try row.text(3))
        }
        return try rows.map { row in
            let name = try row.device.map { try DeviceNames.name(of: DeviceID($0), in: connection) } ?? "a device"
            switch row.kind {
            case 1: return (row.id, "\(name) was linked")
            case 2: return (row.id, "\(name) was removed")
            case 3: return (row.id, "this device was removed from the account by another one")
            default: return (row.id, row.text)
            }
        }
    }

    static func shown(upTo id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE notice SET shown = 1 WHERE id <= ?", .integer(id))
    }
}

/// What the person calls the account's devices.
enum DeviceNames {
    static func name(of device: DeviceID, in connection: Connection) throws -> String {
        try name(of: device, ifGivenIn: connection) ?? "device-" + Hex.encode(device.bytes.prefix(3))
    }

    /// The name that a person has given.
    static func name(of device: DeviceID, ifGivenIn connection: Connection) throws -> String? {
        guard let name = try RegisterRows.text(.deviceName(device), in: connection), ContactName.problem(name) == nil
        else { return nil }
        return name
    }

    /// Digits of an id that name a device at the least.
    private static let idDigits = 4

    /// The listed device of this name, or whose id begins so; an unambiguous beginning of a name is enough. Two devices that
    /// were named at the same moment may have the same name.
    static func find(_ name: String, of roster: Roster, in connection: Connection) throws -> DeviceEntry {
        let named = try roster.devices.map { (entry: $0, name: try Self.name(of: $0.id, in: connection)) }
        let exact = named.filter { $0.name == name }
        if exact.count == 1, let only = exact.first { return only.entry }
        guard exact.isEmpty else {
            throw DeviceError.ambiguousDevice(name, ids: exact.map { Hex.encode($0.entry.id.bytes.prefix(4)) })
        }
        let begun = named.filter { Hex.encode($0.entry.id.bytes).hasPrefix(name.lowercased()) }
        if name.count >= idDigits, begun.count == 1, let only = begun.first { return only.entry }
        let similar = named.filter { !name.isEmpty && $0.name.lowercased().hasPrefix(name.lowercased()) }
        if similar.count == 1, let only = similar.first { return only.entry }
        throw DeviceError.unknownDevice(name, known: named.map(\.name))
    }

    /// A name that no listed device has.
    static func free(_ wanted: String, of roster: Roster, in connection: Connection) throws -> String {
        let taken = Set(try roster.devices.map { ContactName.folded(try name(of: $0.id, in: connection)) })
        let base = ContactName.problem(wanted) == nil && !wanted.isEmpty ? wanted : "device"
        var candidate = base
        var number = 2
        while taken.contains(ContactName.folded(candidate)) {
            candidate = "\(base)-\(number)"
            number += 1
        }
        return candidate
    }
}
