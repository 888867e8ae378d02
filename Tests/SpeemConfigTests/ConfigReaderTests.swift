import Testing

@testable import SpeemConfig

@Suite("ConfigReader")
struct ConfigReaderTests {
    @Test("a node's file with everything in it")
    func everything() throws {
        let config = try parse(fullNode)
        #expect(config.role == .node)
        #expect(config.file == "/etc/speem.toml")
        #expect(config.dataFolder == "/home/me/speem")
        #expect(config.name == "Küche \"1\"")
        #expect(config.listen == [HostPort(host: "::", port: 4404), HostPort(host: "192.0.2.1", port: 0)])
        #expect(
            config.advertise == [
                HostPort(host: "home.example.org", port: 4404), HostPort(host: "2001:db8::1", port: 4404),
            ])
        #expect(config.mailboxQuota == 2_000_000_000)
        #expect(config.mailboxQuotaPerContact == 52_428_800)
        #expect(config.mailboxQuotaOwn == 512_000_000)
        #expect(config.mailboxMaxAge == 2_592_000)
        #expect(config.claimLifetime == 7_200)
        #expect(!config.claimNetwork)
        #expect(config.claimPort == 4_405)
        #expect(config.connections == 1_024)
        #expect(config.connectionsPerGrant == 8)
        #expect(config.handshakeTimeout == 10)
        #expect(config.idleTimeout == 900)
        #expect(config.keyFile == "/etc/keys/store.key")
        #expect(config.controlSocket == "/run/speem/control.sock")
        #expect(config.logLevel == "debug")
    }

    @Test("a device's file")
    func device() throws {
        let config = try parse(
            "role = 'device'\ndata = 'd'\nname = 'Bob'\n[invite]\nlifetime = '1h'\n[device]\npoll = '30s'")
        #expect(config.role == .device)
        #expect(config.name == "Bob")
        #expect(config.inviteLifetime == 3_600)
        #expect(config.poll == 30)
    }

    @Test("the order of tables does not matter, nor do CRLFs")
    func order() throws {
        let straight = try node("[log]\nlevel = 'error'\n[claim]\nlifetime = '2h'")
        #expect(try node("[claim]\nlifetime = '2h'\n[log]\nlevel = 'error'") == straight)
        #expect(try node("[claim]\r\nlifetime = '2h'\r\n[log]\r\nlevel = 'error'\r\n") == straight)
        #expect(try parse("data = '/d'\nrole = 'node'\n[claim]\nlifetime = '2h'\n[log]\nlevel = 'error'") == straight)
    }

    @Test("a file that begins with a table has no role")
    func missingRole() {
        let error = parseError("data = '/d'\n[log]\nlevel = 'info'")
        #expect(error?.code == .missingKey)
        #expect(error?.description == "/etc/speem.toml: the required key 'role' is missing")
        #expect(error?.hint == "add role = \"node\" before the first [table]")
        #expect(parseError("# nothing but a comment")?.code == .missingKey)
    }

    @Test("the data folder is required, with an example for the role")
    func missingData() {
        let error = parseError("role = 'node'")
        #expect(error?.code == .missingKey)
        #expect(error?.reason == "the required key 'data' is missing")
        #expect(error?.hint == "add data = \"/var/lib/speem\" before the first [table]")
        #expect(parseError("role = 'device'")?.hint == "add data = \"~/.local/share/speem\" before the first [table]")
    }

    @Test("a misspelt required key is unknown before it is missing")
    func misspeltRole() {
        let error = parseError("rol = 'node'\ndata = '/d'")
        #expect(error?.description == "/etc/speem.toml:1:1: unknown key 'rol'")
        #expect(error?.hint == "did you mean 'role'?")
    }

    @Test(
        "an unknown key is answered with the nearest, its table, or all there are",
        arguments: [
            ("[mailbox]\nquotaa = ''", "unknown key 'quotaa' in [mailbox]", "did you mean 'quota'?"),
            ("[mailbox]\nmax-age = ''", "unknown key 'max-age' in [mailbox]", "did you mean 'max_age'?"),
            ("[mailbox]\nQuota = ''", "unknown key 'Quota' in [mailbox]", "did you mean 'quota'?"),
            ("[mailbox]\nlifetime = ''", "unknown key 'lifetime' in [mailbox]", "'lifetime' belongs in [claim]"),
            ("[mailbox]\ndata = ''", "unknown key 'data' in [mailbox]", "'data' belongs before the first [table]"),
            ("[log]\nrole = 'node'", "unknown key 'role' in [log]", "'role' belongs before the first [table]"),
            ("quota = ''", "unknown key 'quota'", "'quota' belongs in [mailbox]"),
            ("quotta = ''", "unknown key 'quotta'", "did you mean 'quota' in [mailbox]?"),
            (
                "listen = ''", "unknown key 'listen'",
                "'listen' is a table: write [listen] on a line of its own and its keys below it"
            ),
            ("xyzzy = ''", "unknown key 'xyzzy'", "the keys are role, data, name"),
            (
                "[claim]\nxyzzy = ''", "unknown key 'xyzzy' in [claim]",
                "the keys in [claim] are lifetime, network, port"
            ),
        ])
    func unknownKeys(text: String, reason: String, hint: String) {
        let error = nodeError(text)
        #expect(error?.code == .unknownKey)
        #expect(error?.reason == reason)
        #expect(error?.hint == hint)
        #expect(error?.position == Position(line: text.hasPrefix("[") ? 4 : 3, column: 1))
    }

    @Test("hints name no key of the other role, once the role is known")
    func hintsOfRole() {
        #expect(deviceError("[log]\nlifetime = ''")?.hint == "'lifetime' belongs in [invite]")
        #expect(parseError("data = '/d'\n[log]\nlifetime = ''")?.hint == "'lifetime' belongs in [claim] or [invite]")
        #expect(
            deviceError("[lisen]")?.hint
                == "the tables are [invite], [device], [discovery], [store], [control], [log]")
    }

    @Test(
        "an unknown table is answered with the nearest, or all there are",
        arguments: [
            ("[mailboxes]", "did you mean [mailbox]?"), ("[Listen]", "did you mean [listen]?"),
            ("[limit]", "did you mean [limits]?"),
            ("[name]", "'name' is a key: write name = value before the first [table]"),
            (
                "[network]",
                "the tables are [listen], [mailbox], [claim], [provision], [limits], [discovery], [store], [control], "
                    + "[metrics], [log]"
            ),
        ])
    func unknownTables(text: String, hint: String) {
        let error = nodeError(text)
        #expect(error?.code == .unknownTable)
        #expect(error?.reason == "unknown table \(text)")
        #expect(error?.position == Position(line: 3, column: 2))
        #expect(error?.hint == hint)
    }

    @Test("a table of the other role is refused, even an empty one")
    func wrongRole() {
        let error = deviceError("[mailbox]")
        #expect(error?.code == .wrongRole)
        #expect(error?.description == "/etc/speem.toml:3:2: [mailbox] is for a node, and this file is for a device")
        #expect(error?.hint == "remove it, or set role = \"node\"")
        #expect(nodeError("[device]\npoll = '5m'")?.reason == "[device] is for a device, and this file is for a node")
    }

    @Test("duplicates are refused")
    func duplicates() {
        #expect(
            nodeError("data = '/e'")?.description
                == "/etc/speem.toml:3:1: duplicate key 'data', which is at 2:1 already")
        #expect(nodeError("[log]\n[log]")?.code == .duplicate)
    }

    @Test("the first mistake of the file is the one reported")
    func first() {
        #expect(nodeError("[log]\nlevel = 'x'\n[mailbox]\nquota = 1")?.line == 4)
        #expect(nodeError("[mailbox]\nquota = 1\n[log]\nlevel = 'x'")?.line == 4)
        // But what is no TOML at all comes before what it says.
        #expect(nodeError("[log]\nlevel = 'x'\n[mailbox")?.line == 5)
    }

    @Test("a quota leaves room for contacts")
    func quotas() throws {
        let error = nodeError("[mailbox]\nquota_own = \"100MB\"\nquota = \"100MB\"")
        #expect(error?.code == .outOfRange)
        #expect(error?.position == Position(line: 5, column: 9))
        #expect(
            error?.reason == "'quota' must be at least 1MB more than 'quota_own', or nothing is left for contacts")
        #expect(error?.hint == "set quota_own to less, such as quota_own = \"10MB\"")
        #expect(nodeError("[mailbox]\nquota_own = \"2GB\"")?.position == Position(line: 4, column: 13))
        #expect(nodeError("[mailbox]\nquota = \"1MB\"\nquota_own = \"1MB\"")?.hint == "set quota to more")
        #expect(try node("[mailbox]\nquota = \"2MB\"\nquota_own = \"1MB\"").mailboxQuotaOwn == 1_000_000)
        // Not set, it is never more than a tenth.
        #expect(try node("[mailbox]\nquota = \"100MB\"").mailboxQuotaOwn == 10_000_000)
        #expect(try node("[mailbox]\nquota = \"1MB\"").mailboxQuotaOwn == 100_000)
        #expect(try node("[mailbox]\nquota = \"5GB\"").mailboxQuotaOwn == 100_000_000)
    }

    @Test("an error names the file as it was given")
    func file() {
        let error = #expect(throws: ConfigError.self) { try parse("x", file: "some folder/speem.toml") }
        #expect(error?.description == "some folder/speem.toml:1:2: expected '=' after 'x', found the end of the file")
    }

    @Test("reasons and hints are lower case without full stop")
    func style() {
        let texts = ["\u{7}", "", "a", "[a", "role = 1", "role = 'x'", "[x]", "data = ''", "data = '~x'", "role = 1.5"]
        for text in texts {
            guard let error = parseError(text) else { continue }
            for sentence in [error.reason, error.hint ?? "x"] {
                #expect(!sentence.hasSuffix(".") && sentence.first?.isUppercase == false, "\(sentence)")
            }
        }
    }
}
