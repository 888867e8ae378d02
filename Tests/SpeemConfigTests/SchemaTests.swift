import Testing

@testable import SpeemConfig

@Suite("Schema")
struct SchemaTests {
    @Test("each key is there once, and each table in one piece")
    func unique() {
        let ids = Schema.settings.map(\.id)
        #expect(Set(ids).count == ids.count)
        var tables: [Setting.Table] = []
        for id in ids where tables.last != id.table { tables.append(id.table) }
        #expect(tables == Setting.Table.allCases)
    }

    @Test("names are bare keys that need no quotes")
    func names() {
        for setting in Schema.settings {
            #expect(!setting.name.isEmpty && setting.name.unicodeScalars.allSatisfy { $0.isBareKey })
            #expect(setting.table.rawValue.unicodeScalars.allSatisfy { $0.isBareKey })
        }
    }

    @Test("each key has one line of documentation without full stop, and a role")
    func documentation() {
        for setting in Schema.settings {
            #expect(!setting.documentation.isEmpty)
            #expect(!setting.documentation.contains("\n") && !setting.documentation.hasSuffix("."))
            #expect(!setting.documentation.contains("|"), "it stands in a Markdown table")
            #expect(!setting.roles.isEmpty)
        }
    }

    @Test("each default is one that the parser takes, and means the same written down")
    func defaults() throws {
        for role in Config.Role.allCases {
            let data = try #require(Schema.setting(.top, "data")).exampleValue(for: role)
            let head = "role = \"\(role.rawValue)\"\ndata = \(data)\n"
            let silent = try parse(head)
            for setting in Schema.settings where setting.roles.contains(role) && !setting.isRequired {
                let line = "\(setting.name) = \(setting.exampleValue(for: role))\n"
                let table = setting.table == .top ? "" : "[\(setting.table.rawValue)]\n"
                #expect(try parse(head + table + line) == silent, "\(setting.id)")
            }
        }
    }

    @Test("no two keys write the same place, and each place of a config has a key")
    func fields() {
        var fields: [AnyKeyPath] = []
        for setting in Schema.settings {
            switch setting.kind {
            case .role(let field): fields.append(field)
            case .choice(let field, _, _), .text(let field, _, _), .hex(let field, _, _), .path(let field, _, _):
                fields.append(field)
            case .size(let field, _, _): fields.append(field)
            case .duration(let field, _, _): fields.append(field)
            case .count(let field, _, _): fields.append(field)
            case .flag(let field, _): fields.append(field)
            case .addresses(let field, _, _, _): fields.append(field)
            case .loopback(let field): fields.append(field)
            case .interfaces(let field, _): fields.append(field)
            }
        }
        #expect(Set(fields).count == fields.count)
        let properties = Mirror(reflecting: Config(role: .node, file: "")).children.compactMap(\.label)
        // All but the path of the file itself.
        #expect(fields.count == properties.count - 1)
    }

    @Test("tables and keys are those of the role")
    func roles() {
        #expect(
            Schema.tables(for: .node) == [
                .listen, .mailbox, .claim, .provision, .limits, .discovery, .store, .control, .metrics, .log,
            ])
        #expect(Schema.tables(for: .device) == [.invite, .device, .discovery, .store, .control, .log])
        #expect(Schema.tables(for: nil) == Setting.Table.allCases.filter { $0 != .top })
        #expect(Schema.settings(in: .top, for: .device).map(\.name) == ["role", "data", "name"])
        #expect(Schema.settings(in: .mailbox, for: .device).isEmpty)
        #expect(Schema.setting(.mailbox, "lifetime") == nil)
        #expect(Schema.setting(.claim, "lifetime") != nil)
    }

    @Test("the limit of a socket's path is the system's")
    func socketPath() {
        #if os(Linux)
            #expect(Schema.maximumSocketPath == 107)
        #else
            #expect(Schema.maximumSocketPath == 103)
        #endif
    }

    @Test("the documented defaults")
    func values() throws {
        let config = try node()
        #expect(config.listen == [HostPort(host: "::", port: 4404)])
        #expect(config.advertise == [])
        #expect(config.name == "")
        #expect(config.mailboxQuota == 1_000_000_000)
        #expect(config.mailboxQuotaPerContact == 100_000_000)
        #expect(config.mailboxQuotaOwn == 100_000_000)
        #expect(config.mailboxMaxAge == 60 * 86_400)
        #expect(config.claimLifetime == 3_600)
        #expect(config.claimNetwork)
        #expect(config.claimPort == 0)
        #expect(config.connections == 256)
        #expect(config.connectionsPerAddress == 32)
        #expect(config.connectionsPerGrant == 4)
        #expect(config.handshakeTimeout == 5)
        #expect(config.idleTimeout == 600)
        #expect(config.keyFile == "/d/store.key")
        #expect(config.controlSocket == "/d/control.sock")
        #expect(config.metricsListen == nil)
        #expect(config.metricsFile == "")
        #expect(config.logLevel == "info")
        #expect(try device().inviteLifetime == 7 * 86_400)
        #expect(try device().poll == 300)
    }

    @Test("a device has the defaults of a node's settings, too")
    func otherRole() throws {
        var other = try device()
        other.role = .node
        #expect(try node() == other)
    }
}
