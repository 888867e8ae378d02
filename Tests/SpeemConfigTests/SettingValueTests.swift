import Testing

@testable import SpeemConfig

@Suite("Setting values")
struct SettingValueTests {
    @Test(
        "a value of another type is refused at the value",
        arguments: [
            ("name = 1", "'name' must be a string, not an integer"),
            ("name = true", "'name' must be a string, not a boolean"),
            ("name = ['a']", "'name' must be a string, not an array"),
            ("[listen]\naddresses = '[::]:1'", "'addresses' must be an array of addresses, not a string"),
            ("[listen]\nadvertise = 4404", "'advertise' must be an array of addresses, not an integer"),
            ("[mailbox]\nquota = 1000", "'quota' must be a size in quotes, not an integer"),
            ("[mailbox]\nmax_age = 60", "'max_age' must be a duration in quotes, not an integer"),
            ("[claim]\nnetwork = 'true'", "'network' must be true or false, not a string"),
            ("[claim]\nnetwork = 1", "'network' must be true or false, not an integer"),
            ("[limits]\nconnections = '256'", "'connections' must be an integer, not a string"),
            ("[limits]\nconnections = false", "'connections' must be an integer, not a boolean"),
            ("[store]\nkey_file = 1", "'key_file' must be a path in quotes, not an integer"),
            ("[control]\nsocket = []", "'socket' must be a path in quotes, not an array"),
            ("[metrics]\nlisten = 9404", "'listen' must be an address in quotes, not an integer"),
            ("[metrics]\nfile = []", "'file' must be a path in quotes, not an array"),
            ("[log]\nlevel = 3", "'level' must be a string, not an integer"),
        ])
    func types(text: String, reason: String) {
        let error = nodeError(text)
        let line = text.split(separator: "\n").last ?? ""
        #expect(error?.code == .wrongType)
        #expect(error?.reason == reason)
        #expect(error?.position == Position(line: text.contains("\n") ? 4 : 3, column: Self.valueColumn(line)))
        #expect(error?.hint?.hasPrefix("write ") == true)
    }

    private static func valueColumn(_ line: Substring) -> Int {
        (line.firstIndex(of: "=").map { line.distance(from: line.startIndex, to: $0) } ?? 0) + 3
    }

    @Test("a number for a size or duration is answered with the units")
    func units() {
        #expect(
            nodeError("[mailbox]\nquota = 5")?.hint
                == "write quota = \"1GB\"; units are B, KB, MB, GB, TB, KiB, MiB, GiB, TiB")
        #expect(nodeError("[mailbox]\nmax_age = 5")?.hint == "write max_age = \"60d\"; units are s, m, h, d")
    }

    @Test(
        "metrics are for this machine only",
        arguments: [
            ("0.0.0.0:9404", "is not an address of this machine's loopback"),
            ("[::]:9404", "is not an address of this machine's loopback"),
            ("192.0.2.1:9404", "is not an address of this machine's loopback"),
            ("localhost:9404", "is not an address of this machine's loopback"),
            ("example.org:9404", "is not an address of this machine's loopback"),
            ("127.0.0.1", "is not host:port"), (":9404", "is not host:port"),
        ])
    func metrics(address: String, reason: String) throws {
        let error = nodeError("[metrics]\nlisten = \"\(address)\"")
        #expect(error?.code == .badValue)
        #expect(error?.reason == "\"\(address)\" in 'listen' \(reason)")
        #expect(error?.hint == "write \"127.0.0.1:9404\" or \"[::1]:9404\"")
        #expect(deviceError("[metrics]\nlisten = \"127.0.0.1:9404\"")?.code == .wrongRole)
        #expect(try node("[metrics]\nlisten = \"[::1]:9404\"").metricsListen == HostPort(host: "::1", port: 9404))
        #expect(try node("[metrics]\nfile = \"x.prom\"").metricsFile == "/etc/x.prom")
        #expect(try node("[metrics]\nfile = \"\"").metricsFile == "")
    }

    @Test(
        "a bad unit is refused with the ones there are",
        arguments: [
            ("quota = \"1G\"", "'quota' is \"1G\": there is no unit 'G'"),
            ("quota = \"1 GB\"", "'quota' is \"1 GB\": there is a space between number and unit"),
            ("quota = \"1.5GB\"", "'quota' is \"1.5GB\": it is not a whole number"),
            ("quota = \"-1GB\"", "'quota' is \"-1GB\": it is negative"),
            ("quota = \"\"", "'quota' is \"\": it does not begin with a number"),
            ("quota = \"1000\"", "'quota' is \"1000\": it has no unit"),
            ("max_age = \"60days\"", "'max_age' is \"60days\": there is no unit 'days'"),
            ("max_age = \"2w\"", "'max_age' is \"2w\": there is no unit 'w'"),
        ])
    func badUnits(text: String, reason: String) {
        let error = nodeError("[mailbox]\n" + text)
        #expect(error?.code == .badValue)
        #expect(error?.reason == reason)
        #expect(error?.line == 4)
        #expect(error?.hint != nil)
    }

    @Test("a unit in the wrong case is corrected")
    func unitCase() {
        #expect(nodeError("[mailbox]\nquota = \"1gb\"")?.hint == "did you mean \"1GB\"?")
        #expect(nodeError("[mailbox]\nquota = \"1 gib\"")?.hint == "did you mean \"1GiB\"?")
        #expect(nodeError("[mailbox]\nmax_age = \"7D\"")?.hint == "did you mean \"7d\"?")
    }

    @Test("the bounds of each range are in it, and one more is not")
    func ranges() throws {
        for setting in Schema.settings where setting.roles.contains(.node) {
            let inside: [String]
            let outside: [String]
            switch setting.kind {
            case .size(_, let range, _):
                let (low, high) = (range.lowerBound.amount, range.upperBound.amount)
                inside = ["\"\(low)B\"", "\"\(high)B\""]
                outside = ["\"\(low - 1)B\"", "\"\(high + 1)B\"", "\"0B\"", "\"99999999999999999999TB\""]
            case .duration(_, let range, _):
                let (low, high) = (range.lowerBound.amount, range.upperBound.amount)
                inside = ["\"\(low)s\"", "\"\(high)s\""]
                outside = ["\"\(low - 1)s\"", "\"\(high + 1)s\"", "\"99999999999999999999d\""]
            case .count(_, let range, _):
                inside = ["\(range.lowerBound)", "\(range.upperBound)"]
                outside = ["\(range.lowerBound - 1)", "\(range.upperBound + 1)", "-1", "\(Int64.max)", "\(Int64.min)"]
            case .addresses(_, let range, _, _):
                func list(_ count: Int) -> String { "\((0..<count).map { "host:\($0 + 1)" })" }
                inside = [list(range.lowerBound), list(range.upperBound)]
                outside = [list(range.upperBound + 1)] + (range.lowerBound > 0 ? [list(range.lowerBound - 1)] : [])
            case .loopback:
                inside = ["\"\"", "\"127.0.0.1:0\"", "\"[::1]:65535\""]
                outside = []
            case .interfaces(_, let maximum):
                func list(_ count: Int) -> String { "\((0..<count).map { "eth\($0)" })" }
                inside = ["[]", list(maximum), "[\"docker*\"]"]
                outside = [list(maximum + 1)]
            default: continue
            }
            for value in inside {
                // The largest part needs the largest whole.
                let whole = setting.name == "quota_own" ? "quota = \"1000TB\"\n" : ""
                _ = try node("[\(setting.table.rawValue)]\n\(whole)\(setting.name) = \(value)")
            }
            for value in outside {
                let error = nodeError("[\(setting.table.rawValue)]\n\(setting.name) = \(value)")
                #expect(error?.code == .outOfRange, "\(setting.name) = \(value)")
                #expect(error?.position == Position(line: 4, column: setting.name.count + 4))
                #expect(error?.hint?.hasPrefix("the default is ") == true)
            }
        }
    }

    @Test("out of range says what the range is")
    func rangeText() {
        #expect(
            nodeError("[limits]\nconnections = 0")?.reason == "'connections' is 0, and must be between 1 and 65536")
        #expect(
            nodeError("[mailbox]\nquota = \"5B\"")?.reason == "'quota' is 5B, and must be between 1MB and 1000TB")
        #expect(
            nodeError("[listen]\naddresses = []")?.reason == "'addresses' is 0 addresses, and must be between 1 and 16")
    }

    @Test(
        "choices are refused with the nearest one, or all",
        arguments: [
            ("warn", "did you mean \"warning\"?"), ("Info", "did you mean \"info\"?"),
            ("eror", "did you mean \"error\"?"),
            (
                "loud",
                "write one of \"trace\", \"debug\", \"info\", \"notice\", \"warning\", \"error\", \"critical\""
            ),
        ])
    func choices(level: String, hint: String) {
        let error = nodeError("[log]\nlevel = \"\(level)\"")
        #expect(error?.code == .badValue)
        #expect(error?.position == Position(line: 4, column: 9))
        #expect(error?.hint == hint)
    }

    @Test("each level is taken")
    func levels() throws {
        for level in ["trace", "debug", "info", "notice", "warning", "error", "critical"] {
            #expect(try node("[log]\nlevel = \"\(level)\"").logLevel == level)
        }
    }

    @Test("a role is node or device")
    func role() {
        let error = parseError("role = \"nod\"\ndata = \"/d\"")
        #expect(error?.description == "/etc/speem.toml:1:8: 'role' is \"nod\", and must be one of node, device")
        #expect(error?.hint == "did you mean \"node\"?")
        #expect(parseError("role = 1")?.code == .wrongType)
        #expect(parseError("role = \"\"")?.hint == "write one of \"node\", \"device\"")
    }

    @Test("a name has 64 bytes at the most, however few letters that is")
    func nameLength() throws {
        let name = String(repeating: "é", count: 32)
        #expect(try node("name = '\(name)'").name == name)
        let error = nodeError("name = '\(name)x'")
        #expect(error?.code == .outOfRange)
        #expect(error?.reason == "'name' is 65 bytes long, the limit is 64")
        #expect(error?.position == Position(line: 3, column: 8))
    }

    @Test(
        "control characters cannot be escaped into a value",
        arguments: [
            (#"name = "a\nb""#, "U+000A"), (#"name = "\u001b[2J""#, "U+001B"), (#"name = "\u202E""#, "U+202E"),
            (#"name = "\t""#, "U+0009"), (#"[control]"# + "\n" + #"socket = "/a\u0000b""#, "U+0000"),
            (#"[log]"# + "\n" + #"level = "info\u0000""#, "U+0000"),
        ])
    func controls(text: String, codePoint: String) {
        let error = nodeError(text)
        #expect(error?.code == .badValue)
        #expect(error?.reason.hasSuffix("holds the control character \(codePoint)") == true)
    }

    @Test("a bad address is refused at its own place")
    func addresses() {
        let error = nodeError("[listen]\naddresses = [\n  '[::]:1',\n  '::1:4404',\n]")
        #expect(error?.code == .badValue)
        #expect(error?.position == Position(line: 6, column: 3))
        #expect(error?.reason == "\"::1:4404\" in 'addresses' is not host:port")
        #expect(error?.hint == "write \"example.org:4404\", \"192.0.2.1:4404\" or \"[2001:db8::1]:4404\"")
    }

    @Test("an address that is there twice is refused at its second place")
    func duplicateAddress() {
        let error = nodeError("[listen]\naddresses = ['a:1', 'a:1']")
        #expect(error?.code == .duplicate)
        #expect(error?.position == Position(line: 4, column: 21))
    }

    @Test("what is advertised must be fit to connect to", arguments: ["a:0", "[::]:1", "0.0.0.0:1"])
    func advertise(address: String) throws {
        let error = nodeError("[listen]\nadvertise = ['\(address)']")
        #expect(error?.code == .badValue)
        #expect(error?.reason == "\"\(address)\" in 'advertise' cannot be connected to")
        _ = try node("[listen]\naddresses = ['\(address)']")
    }
}
