import Testing

@testable import SpeemConfig

@Suite("Config.changes")
struct ConfigChangeTests {
    private let secret = String(repeating: "ab", count: 16)
    private let account = String(repeating: "cd", count: 32)

    private func texts(_ old: String, _ new: String) throws -> [String] {
        try node(old).changes(to: try node(new)).map(\.description)
    }

    @Test("the same settings, however they are written, are no change")
    func same() throws {
        #expect(try texts("", "").isEmpty)
        #expect(try texts("[mailbox]\nmax_age = \"2d\"", "[mailbox]\nmax_age = \"48h\"").isEmpty)
        #expect(try texts("", "[mailbox]\nquota = \"1000MB\"").isEmpty)
    }

    @Test("each change is named, with what was and what is")
    func named() throws {
        #expect(
            try texts(
                "[mailbox]\nquota = \"2GB\"",
                "name = \"attic\"\n[mailbox]\nquota = \"3GiB\"\n[claim]\nnetwork = false\n[log]\nlevel = \"debug\"")
                == [
                    "name: \"\" -> \"attic\" (needs a restart)", "mailbox.quota: \"2GB\" -> \"3GiB\"",
                    "claim.network: true -> false (needs a restart)", "log.level: \"info\" -> \"debug\"",
                ])
        #expect(
            try texts("[listen]\naddresses = [\"[::]:4404\"]", "[listen]\naddresses = [\"a:1\", \"b:2\"]")
                == ["listen.addresses: [\"[::]:4404\"] -> [\"a:1\", \"b:2\"] (needs a restart)"])
        #expect(
            try texts("[discovery]\navoid = []", "[discovery]\navoid = [\"wlan0\"]")
                == ["discovery.avoid: [] -> [\"wlan0\"] (needs a restart)"])
    }

    @Test("a secret is not shown")
    func secrets() throws {
        let lines = "[provision]\naccount = \"\(account)\"\nsecret = \"\(secret)\""
        let changes = try texts("", lines)
        #expect(changes.count == 2)
        #expect(changes.contains("provision.secret: (secret) -> (secret) (needs a restart)"))
        #expect(!changes.joined().contains(secret))
    }

    @Test("what a running process takes is taken, and nothing else")
    func reloaded() throws {
        let running = try node("[claim]\nport = 5\n[log]\nlevel = \"info\"")
        let file = try node(
            "name = \"x\"\n[mailbox]\nquota = \"2GB\"\nquota_per_contact = \"3MB\"\nquota_own = \"4MB\"\nmax_age = \"3h\"\n"
                + "[claim]\nport = 6\n[limits]\nconnections = 7\nconnections_per_address = 6\n"
                + "connections_per_grant = 5\nhandshake_timeout = \"7s\"\nidle_timeout = \"8m\"\n[log]\nlevel = \"debug\""
        )
        let next = running.reloaded(from: file)
        #expect(next.mailboxQuota == 2_000_000_000)
        #expect(next.mailboxQuotaPerContact == 3_000_000)
        #expect(next.mailboxQuotaOwn == 4_000_000)
        #expect(next.mailboxMaxAge == 3 * 3600)
        #expect(next.connections == 7)
        #expect(next.connectionsPerAddress == 6)
        #expect(next.connectionsPerGrant == 5)
        #expect(next.handshakeTimeout == 7)
        #expect(next.idleTimeout == 480)
        #expect(next.logLevel == "debug")
        #expect(next.claimPort == 5)
        #expect(next.name.isEmpty)
        // What is left is what needs a restart, and is said again.
        #expect(next.changes(to: file).map(\.key) == ["name", "claim.port"])
        #expect(next.changes(to: file).allSatisfy { !$0.isReloadable })
    }

    @Test("every setting is compared and copied")
    func everySetting() throws {
        for setting in Schema.settings {
            var config = Config(role: .node, file: "")
            for other in Schema.settings { other.applyDefault(to: &config) }
            let before = setting.value(in: config)
            var copy = Config(role: .device, file: "")
            setting.copy(from: config, to: &copy)
            #expect(setting.value(in: copy) == before, "\(setting.id)")
        }
        #expect(Schema.reloadable.isSubset(of: Schema.settings.map(\.id)))
    }

    @Test("what belongs to a device")
    func devices() throws {
        let changes = try device("").changes(to: try device("[device]\npoll = \"1m\""))
        #expect(changes.map(\.description) == ["device.poll: \"5m\" -> \"1m\""])
    }
}

@Suite("[provision]")
struct ProvisionSettingTests {
    private let secret = String(repeating: "ab", count: 16)
    private let account = String(repeating: "cd", count: 32)

    @Test("both are taken, in either case")
    func taken() throws {
        let config = try node(
            "[provision]\naccount = \"\(account.uppercased())\"\nsecret = \"\(secret)\"\nexpires = 1700000000")
        #expect(config.provisionAccount == account)
        #expect(config.provisionSecret == secret)
        #expect(config.provisionExpires == 1_700_000_000)
        #expect(try node("[provision]\naccount = \"\"\nsecret = \"\"").provisionSecret.isEmpty)
        #expect(try node("").provisionAccount.isEmpty)
    }

    @Test("one without the other is a file of which a part is lost")
    func halves() {
        let error = nodeError("[provision]\nsecret = \"\(secret)\"")
        #expect(error?.code == .missingKey)
        #expect(error?.reason == "[provision] has 'secret' and no 'account'")
        #expect(error?.line == 4)
        #expect(
            nodeError("[provision]\naccount = \"\(account)\"")?.reason == "[provision] has 'account' and no 'secret'")
    }

    @Test(
        "what is no key is refused, and not repeated",
        arguments: ["ab", "abababababababababababababababag", "ababababababababababababababab", "ab ab"])
    func noKeys(text: String) {
        let error = nodeError("[provision]\nsecret = \"\(text)\"")
        #expect(error?.code == .badValue)
        #expect(error?.reason == "'secret' must be 32 hexadecimal digits")
        #expect(error?.position == Position(line: 4, column: 10))
    }

    @Test("a device has none")
    func role() { #expect(deviceError("[provision]\nsecret = \"\"")?.code == .wrongRole) }

    @Test("the file that a device writes")
    func written() throws {
        let text = Config.provisioned(
            name: "the \"attic\"", listen: ["192.0.2.1:1", "[::1]:2"], advertise: ["node.example:4404"],
            account: account, secret: secret, expires: 1_700_000_000)
        let config = try parse(text)
        #expect(config.role == .node)
        #expect(config.dataFolder == "/var/lib/speem")
        #expect(config.name == "the \"attic\"")
        #expect(config.listen.map(\.description) == ["192.0.2.1:1", "[::1]:2"])
        #expect(config.advertise.map(\.description) == ["node.example:4404"])
        #expect(config.provisionAccount == account)
        #expect(config.provisionSecret == secret)
        #expect(config.provisionExpires == 1_700_000_000)
        // All else is as in the example.
        let plain = try parse(Config.example(role: .node))
        #expect(
            plain.changes(to: config).map(\.key) == [
                "name", "listen.addresses", "listen.advertise", "provision.account", "provision.secret",
                "provision.expires",
            ])
        let short = try parse(
            Config.provisioned(name: "x", listen: [], advertise: [], account: account, secret: secret, expires: 1))
        #expect(short.listen == plain.listen)
    }
}
