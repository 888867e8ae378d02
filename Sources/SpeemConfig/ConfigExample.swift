extension Config {
    /// A complete config file for a role: every key with its documentation, optional ones commented out with their
    /// defaults. ``parse(_:file:home:)`` accepts it as it is, and with the comments removed.
    public static func example(role: Role) -> String { example(role: role, values: [:]) }

    /// The file for a fresh node that belongs to an account from its first start.
    ///
    /// - Parameters:
    ///   - name: of the node; at most 64 bytes.
    ///   - listen: "host:port"; empty: the default.
    ///   - advertise: "host:port".
    ///   - account: 64 hexadecimal digits.
    ///   - secret: 32 hexadecimal digits.
    ///   - expires: Unix seconds.
    public static func provisioned(
        name: String, listen: [String], advertise: [String], account: String, secret: String, expires: Int64
    ) -> String {
        func list(_ texts: [String]) -> String {
            "[" + texts.map(TOMLString.quoted).joined(separator: ", ") + "]"
        }
        var values = [
            Setting.ID(table: .top, name: "name"): TOMLString.quoted(name),
            Setting.ID(table: .provision, name: "account"): TOMLString.quoted(account),
            Setting.ID(table: .provision, name: "secret"): TOMLString.quoted(secret),
            Setting.ID(table: .provision, name: "expires"): String(expires),
        ]
        if !listen.isEmpty { values[Setting.ID(table: .listen, name: "addresses")] = list(listen) }
        if !advertise.isEmpty { values[Setting.ID(table: .listen, name: "advertise")] = list(advertise) }
        return example(role: .node, values: values)
    }

    /// - Parameter values: in TOML, of settings that have one.
    private static func example(role: Role, values: [Setting.ID: String]) -> String {
        var text = """
            # The settings of a SPEEM \(role.rawValue): speem run --config FILE
            # A setting behind '#' shows its default; remove the '#' to change it.

            """
        for table in [Setting.Table.top] + Schema.tables(for: role) {
            if table != .top { text += "\n[\(table.rawValue)]" }
            for setting in Schema.settings(in: table, for: role) {
                text += "\n# \(setting.documentation)" + (setting.rangeText.map { " (\($0))" } ?? "")
                let value = values[setting.id]
                text += "\n\(setting.isRequired || value != nil ? "" : "#")\(setting.name) = "
                text += value ?? setting.exampleValue(for: role)
            }
            text += "\n"
        }
        return text
    }

    /// All keys of both roles as a table in Markdown: what ``SpeemConfig``'s page shows.
    public static var reference: String {
        var text = """
            | key | role | default | values | what it is for |
            | --- | --- | --- | --- | --- |

            """
        for setting in Schema.settings {
            let key = setting.table == .top ? setting.name : "\(setting.table.rawValue).\(setting.name)"
            let role = setting.roles.count > 1 ? "both" : setting.roles.map(\.rawValue).joined()
            let value = setting.isRequired ? "required" : "`\(setting.exampleValue(for: .node))`"
            let range = setting.rangeText ?? setting.typeName
            text += "| `\(key)` | \(role) | \(value) | \(range) | \(setting.documentation) |\n"
        }
        return text
    }
}
