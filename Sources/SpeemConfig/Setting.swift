/// One key of the config file: all that is known of it. The parser's checks, the example files and the reference are made from it.
struct Setting: Sendable {
    /// A `[table]` of the file.
    enum Table: String, Sendable, CaseIterable {
        /// What comes before the first `[table]`.
        case top = ""
        case listen, mailbox, claim, provision, limits, invite, device, discovery, store, control, metrics, log
    }

    /// Where a value goes.
    typealias Field<Value> = any WritableKeyPath<Config, Value> & Sendable

    /// What values a key takes, where they go, and what holds without one.
    enum Kind: Sendable {
        /// "node" or "device"; required.
        case role(Field<Config.Role>)
        /// One of a few words.
        case choice(Field<String>, of: [String], default: String)
        /// Any text of so many bytes of UTF-8 at the most.
        case text(Field<String>, maximum: Int, default: String)
        /// So many bytes as hexadecimal digits; empty where there are none. A `secret` shows in no message.
        case hex(Field<String>, bytes: Int, secret: Bool)
        /// The path of a file or folder.
        case path(Field<String>, maximum: Int, default: PathDefault)
        /// Bytes.
        case size(Field<Int64>, in: ClosedRange<Quantity<SizeUnit>>, default: Quantity<SizeUnit>)
        /// Seconds.
        case duration(Field<Int64>, in: ClosedRange<Quantity<DurationUnit>>, default: Quantity<DurationUnit>)
        /// A plain number.
        case count(Field<Int>, in: ClosedRange<Int>, default: Int)
        /// Yes or no.
        case flag(Field<Bool>, default: Bool)
        /// Host and port, so many of them; `remote` ones must be fit to connect to.
        case addresses(Field<[HostPort]>, in: ClosedRange<Int>, remote: Bool, default: [HostPort])
        /// Host and port that only this machine can connect to, as numbers; an empty string is none.
        case loopback(Field<HostPort?>)
        /// Names of network interfaces, so many of them at the most; "*" at the end stands for anything.
        case interfaces(Field<[String]>, maximum: Int)
    }

    enum PathDefault: Sendable {
        /// There is none; the example shows this one.
        case required(example: [Config.Role: String])
        /// A file of this name in the data folder, which an empty string says too.
        case insideData(String)
        /// None, which an empty string says too.
        case none
    }

    /// A key's place in the file.
    struct ID: Hashable, Sendable {
        var table: Table
        var name: String
    }

    let id: ID
    let roles: Set<Config.Role>
    let kind: Kind
    /// One line: what it is for.
    let documentation: String

    init(_ table: Table, _ name: String, for roles: Set<Config.Role>, _ kind: Kind, _ documentation: String) {
        self.id = ID(table: table, name: name)
        self.roles = roles
        self.kind = kind
        self.documentation = documentation
    }

    var table: Table { id.table }
    var name: String { id.name }

    var isRequired: Bool {
        switch kind {
        case .role, .path(_, _, .required): true
        default: false
        }
    }

    /// Whether a running process takes a new value at a reload; any other one needs a restart.
    var isReloadable: Bool { Schema.reloadable.contains(id) }

    /// Its default in TOML, or what the example shows for a required key.
    func exampleValue(for role: Config.Role) -> String {
        switch kind {
        case .role: TOMLString.quoted(role.rawValue)
        case .choice(_, _, let value), .text(_, _, let value): TOMLString.quoted(value)
        case .hex: TOMLString.quoted("")
        case .path(_, _, .required(let example)): TOMLString.quoted(example[role] ?? "")
        case .path(_, _, .insideData), .path(_, _, .none), .loopback: TOMLString.quoted("")
        case .size(_, _, let value): TOMLString.quoted(value.description)
        case .duration(_, _, let value): TOMLString.quoted(value.description)
        case .count(_, _, let value): String(value)
        case .flag(_, let value): String(value)
        case .addresses(_, _, _, let value):
            "[" + value.map { TOMLString.quoted($0.description) }.joined(separator: ", ") + "]"
        case .interfaces: "[]"
        }
    }

    /// What values it takes, in a few words; nil where the documentation says all.
    var rangeText: String? {
        switch kind {
        case .role: Config.Role.allCases.map(\.rawValue).joined(separator: ", ")
        case .choice(_, let words, _): words.joined(separator: ", ")
        case .text(_, let maximum, _): "up to \(maximum) bytes"
        case .hex(_, let bytes, _): "\(2 * bytes) hexadecimal digits"
        case .path: nil
        case .size(_, let range, _): "\(range.lowerBound) to \(range.upperBound)"
        case .duration(_, let range, _): "\(range.lowerBound) to \(range.upperBound)"
        case .count(_, let range, _): "\(range.lowerBound) to \(range.upperBound)"
        case .flag: "true, false"
        case .addresses(_, let range, _, _):
            range.lowerBound == 0
                ? "up to \(range.upperBound) of them" : "\(range.lowerBound) to \(range.upperBound) of them"
        case .loopback: "host:port, or empty"
        case .interfaces(_, let maximum): "up to \(maximum) of them"
        }
    }

    /// The type of its values, with its article, for error messages.
    var typeName: String {
        switch kind {
        case .role, .choice, .text: "a string"
        case .hex: "hexadecimal digits in quotes"
        case .path: "a path in quotes"
        case .size: "a size in quotes"
        case .duration: "a duration in quotes"
        case .count: "an integer"
        case .flag: "true or false"
        case .addresses: "an array of addresses"
        case .loopback: "an address in quotes"
        case .interfaces: "an array of interface names"
        }
    }
}
