extension Config {
    /// A complete config file for a role: every key with its documentation, optional ones commented out with their
    /// defaults. ``parse(_:file:home:)`` accepts it as it is, and with the comments removed.
    public static func example(role: Role) -> String {
        var text = """
            # The settings of a SPEEM \(role.rawValue): speem run --config FILE
            # A setting behind '#' shows its default; remove the '#' to change it.

            """
        for table in [Setting.Table.top] + Schema.tables(for: role) {
            if table != .top { text += "\n[\(table.rawValue)]" }
            for setting in Schema.settings(in: table, for: role) {
                text += "\n# \(setting.documentation)" + (setting.rangeText.map { " (\($0))" } ?? "")
                text += "\n\(setting.isRequired ? "" : "#")\(setting.name) = \(setting.exampleValue(for: role))"
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
