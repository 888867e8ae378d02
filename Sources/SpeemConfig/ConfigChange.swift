/// A setting whose value in a file is another one than in use.
public struct ConfigChange: Sendable, Equatable, CustomStringConvertible {
    /// "table.key", or "key" before the first table.
    public let key: String
    /// In TOML; "(secret)" for what is none of a log's business.
    public let old: String
    public let new: String
    /// Whether a running process takes it.
    public let isReloadable: Bool

    /// "mailbox.quota: "1GB" -> "2GB"", with what is to be done where it is not taken at once.
    public var description: String {
        "\(key): \(old) -> \(new)" + (isReloadable ? "" : " (needs a restart)")
    }
}

extension Config {
    /// What `other` has in another way than these settings, in the order of the example file.
    public func changes(to other: Config) -> [ConfigChange] {
        Schema.settings.compactMap { setting in
            let old = setting.value(in: self)
            let new = setting.value(in: other)
            guard old != new else { return nil }
            return ConfigChange(
                key: setting.table == .top ? setting.name : "\(setting.table.rawValue).\(setting.name)",
                old: setting.isSecret ? "(secret)" : old, new: setting.isSecret ? "(secret)" : new,
                isReloadable: setting.isReloadable)
        }
    }

    /// These settings with those of `other` that a running process takes.
    public func reloaded(from other: Config) -> Config {
        var result = self
        for setting in Schema.settings where setting.isReloadable { setting.copy(from: other, to: &result) }
        return result
    }
}

extension Setting {
    /// Whether its value must not be shown.
    var isSecret: Bool { if case .hex(_, _, let secret) = kind { secret } else { false } }

    /// The value that `config` has, in TOML.
    func value(in config: Config) -> String {
        switch kind {
        case .role(let field): TOMLString.quoted(config[keyPath: field].rawValue)
        case .choice(let field, _, _), .text(let field, _, _), .hex(let field, _, _), .path(let field, _, _):
            TOMLString.quoted(config[keyPath: field])
        case .size(let field, _, _): TOMLString.quoted(Quantity<SizeUnit>.text(of: config[keyPath: field]))
        case .duration(let field, _, _): TOMLString.quoted(Quantity<DurationUnit>.text(of: config[keyPath: field]))
        case .count(let field, _, _): String(config[keyPath: field])
        case .flag(let field, _): String(config[keyPath: field])
        case .addresses(let field, _, _, _):
            "[" + config[keyPath: field].map { TOMLString.quoted($0.description) }.joined(separator: ", ") + "]"
        case .interfaces(let field, _):
            "[" + config[keyPath: field].map(TOMLString.quoted).joined(separator: ", ") + "]"
        case .loopback(let field): TOMLString.quoted(config[keyPath: field]?.description ?? "")
        }
    }

    func copy(from source: Config, to config: inout Config) {
        switch kind {
        case .role(let field): config[keyPath: field] = source[keyPath: field]
        case .choice(let field, _, _), .text(let field, _, _), .hex(let field, _, _), .path(let field, _, _):
            config[keyPath: field] = source[keyPath: field]
        case .size(let field, _, _), .duration(let field, _, _): config[keyPath: field] = source[keyPath: field]
        case .count(let field, _, _): config[keyPath: field] = source[keyPath: field]
        case .flag(let field, _): config[keyPath: field] = source[keyPath: field]
        case .addresses(let field, _, _, _): config[keyPath: field] = source[keyPath: field]
        case .interfaces(let field, _): config[keyPath: field] = source[keyPath: field]
        case .loopback(let field): config[keyPath: field] = source[keyPath: field]
        }
    }
}
