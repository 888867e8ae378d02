/// Makes a ``Config`` of a parsed file: the first mistake in the order of the file is thrown.
struct ConfigReader {
    let document: TOMLDocument
    let file: String
    let paths: ConfigPaths
    /// nil where the file does not say, or says nonsense: then only what is wrong for both roles is noticed on the way.
    private let role: Config.Role?

    init(document: TOMLDocument, file: String, paths: ConfigPaths) {
        self.document = document
        self.file = file
        self.paths = paths
        let entry = document.tables.first?.entries.first { $0.key == "role" }
        if case .string(let text) = entry?.value { role = Config.Role(rawValue: text) } else { role = nil }
    }

    func read() throws(Fault) -> Config {
        var config = Config(role: role ?? .node, file: file)
        for setting in Schema.settings { setting.applyDefault(to: &config) }

        var given: [Setting.ID: Position] = [:]
        for written in document.tables {
            let table = try table(written)
            for entry in written.entries {
                let setting = try setting(entry, in: table)
                try setting.apply(entry, to: &config, paths: paths)
                given[setting.id] = entry.valuePosition
            }
        }
        for setting in Schema.settings where setting.isRequired && given[setting.id] == nil {
            throw missing(setting)
        }
        try completePaths(of: &config, given: given)
        try settleQuotas(of: &config, given: given)
        try checkProvision(of: config, given: given)
        try checkStoreKey(of: config, given: given)
        return config
    }

    /// Keys that say where the store's key is, and are not used, would be mistaken for the place where it is.
    private func checkStoreKey(of config: Config, given: [Setting.ID: Position]) throws(Fault) {
        let word = TOMLString.quoted(config.storeKey.rawValue)
        // A default that was written down says nothing.
        let defaultKeyFile = ConfigPaths.join(config.dataFolder, "store.key")
        let others: [(name: String, kind: Config.StoreKeyKind, isDefault: Bool)] = [
            ("key_file", .file, config.keyFile == defaultKeyFile),
            ("credential", .credential, config.credential == Schema.defaultCredential),
        ]
        for (name, kind, isDefault) in others where kind != config.storeKey && !isDefault {
            guard let position = given[Setting.ID(table: .store, name: name)] else { continue }
            throw Fault(
                .badValue, at: position, "'\(name)' is not used with key = \(word)",
                hint: "remove it, or set key = \(TOMLString.quoted(kind.rawValue)) in [store]")
        }
        let name = config.credential
        guard name.isEmpty || name == "." || name == ".." || name.utf8.contains(UInt8(ascii: "/")) else { return }
        throw Fault(
            .badValue, at: given[Setting.ID(table: .store, name: "credential")],
            "'credential' must be the name of a file, without a folder",
            hint: "write credential = \(TOMLString.quoted(Schema.defaultCredential))")
    }

    /// What is kept for the owner leaves room for contacts: else the node would refuse all mail.
    private func settleQuotas(of config: inout Config, given: [Setting.ID: Position]) throws(Fault) {
        guard let own = given[Setting.ID(table: .mailbox, name: "quota_own")] else {
            config.mailboxQuotaOwn = min(config.mailboxQuotaOwn, config.mailboxQuota / 10)
            return
        }
        guard config.mailboxQuota - config.mailboxQuotaOwn < Schema.minimumSize.amount else { return }
        let tenth = config.mailboxQuota / 10 / SizeUnit.megabyte.factor
        throw Fault(
            .outOfRange, at: given[Setting.ID(table: .mailbox, name: "quota")] ?? own,
            "'quota' must be at least \(Schema.minimumSize) more than 'quota_own', or nothing is left for contacts",
            hint: tenth > 0 ? "set quota_own to less, such as quota_own = \"\(tenth)MB\"" : "set quota to more")
    }

    /// Either alone is a file of which a part was lost.
    private func checkProvision(of config: Config, given: [Setting.ID: Position]) throws(Fault) {
        guard config.provisionAccount.isEmpty != config.provisionSecret.isEmpty else { return }
        let (there, missing) = config.provisionSecret.isEmpty ? ("account", "secret") : ("secret", "account")
        throw Fault(
            .missingKey, at: given[Setting.ID(table: .provision, name: there)],
            "[provision] has '\(there)' and no '\(missing)'",
            hint: "copy the whole file again, as speem node config has written it, or delete the lines of [provision]")
    }

    private func table(_ written: TOMLTable) throws(Fault) -> Setting.Table {
        if let table = Setting.Table(rawValue: written.name) {
            guard let role, table != .top, Schema.settings(in: table, for: role).isEmpty else { return table }
            throw wrongRole("[\(written.name)]", role, at: written.position)
        }
        let names = Schema.tables(for: role).map(\.rawValue)
        let hint =
            if Schema.setting(.top, written.name) != nil {
                "'\(written.name)' is a key: write \(written.name) = value before the first [table]"
            } else if let nearest = Nearest.candidate(to: written.name, among: names) {
                "did you mean [\(nearest)]?"
            } else {
                "the tables are " + names.map { "[\($0)]" }.joined(separator: ", ")
            }
        throw Fault(.unknownTable, at: written.position, "unknown table [\(written.name.shortened)]", hint: hint)
    }

    private func setting(_ entry: TOMLEntry, in table: Setting.Table) throws(Fault) -> Setting {
        guard let setting = Schema.setting(table, entry.key) else {
            throw Fault(
                .unknownKey, at: entry.keyPosition, "unknown key '\(entry.key.shortened)'\(Self.place(table))",
                hint: unknownKeyHint(entry.key, in: table))
        }
        if let role, !setting.roles.contains(role) { throw wrongRole("'\(entry.key)'", role, at: entry.keyPosition) }
        return setting
    }

    private func unknownKeyHint(_ key: String, in table: Setting.Table) -> String {
        let here = Schema.settings(in: table, for: role).map(\.name)
        let known = Schema.settings.filter { setting in role.map(setting.roles.contains) ?? true }
        let elsewhere = known.filter { $0.name == key }
        if elsewhere.contains(where: { $0.table == .top }) {
            return "'\(key)' belongs before the first [table]"
        }
        if table == .top, let named = Setting.Table(rawValue: key), !Schema.settings(in: named, for: role).isEmpty {
            return Self.tableHint(key)
        }
        if !elsewhere.isEmpty {
            return "'\(key)' belongs in " + elsewhere.map { "[\($0.table.rawValue)]" }.joined(separator: " or ")
        }
        if let nearest = Nearest.candidate(to: key, among: here) { return "did you mean '\(nearest)'?" }
        if Setting.Table(rawValue: key) != nil {
            return Self.tableHint(key)
        }
        if let nearest = Nearest.candidate(to: key, among: known.map(\.name)),
            let setting = known.first(where: { $0.name == nearest })
        {
            return "did you mean '\(nearest)'\(Self.place(setting.table))?"
        }
        return "the keys\(Self.place(table)) are " + here.joined(separator: ", ")
    }

    private static func tableHint(_ name: String) -> String {
        "'\(name)' is a table: write [\(name)] on a line of its own and its keys below it"
    }

    /// The paths that were left to their defaults, and the lengths of all of them.
    private func completePaths(of config: inout Config, given: [Setting.ID: Position]) throws(Fault) {
        let dataPosition = given[Setting.ID(table: .top, name: "data")]
        for setting in Schema.settings {
            guard case .path(let field, let maximum, let fallback) = setting.kind else { continue }
            var position = given[setting.id]
            if config[keyPath: field].isEmpty, case .insideData(let name) = fallback {
                config[keyPath: field] = ConfigPaths.join(config.dataFolder, name)
                position = dataPosition
            }
            let count = config[keyPath: field].utf8.count
            guard count > maximum else { continue }
            throw Fault(
                .outOfRange, at: position,
                "the path of '\(setting.name)'\(Self.place(setting.table)) is \(count) bytes long, the limit is \(maximum)",
                hint: setting.id == Self.socket
                    ? "set socket in [control] to a shorter path, such as /run/speem/control.sock"
                    : "choose a shorter path")
        }
    }

    private static let socket = Setting.ID(table: .control, name: "socket")

    private func missing(_ setting: Setting) -> Fault {
        Fault(
            .missingKey, at: nil, "the required key '\(setting.name)'\(Self.place(setting.table)) is missing",
            hint: "add \(setting.name) = \(setting.exampleValue(for: role ?? .node))"
                + (setting.table == .top ? " before the first [table]" : ""))
    }

    private func wrongRole(_ what: String, _ role: Config.Role, at position: Position) -> Fault {
        let other: Config.Role = role == .node ? .device : .node
        return Fault(
            .wrongRole, at: position, "\(what) is for a \(other.rawValue), and this file is for a \(role.rawValue)",
            hint: "remove it, or set role = \(TOMLString.quoted(other.rawValue))")
    }

    /// ` in [table]`, for a sentence.
    private static func place(_ table: Setting.Table) -> String {
        table == .top ? "" : " in [\(table.rawValue)]"
    }
}
