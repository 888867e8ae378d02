import Testing

@testable import SpeemConfig

@Suite("[store]")
struct StoreKeyTests {
    @Test("a key file is the default")
    func defaults() throws {
        let config = try node("")
        #expect(config.storeKey == .file)
        #expect(config.credential == "speem-store-key")
        #expect(config.keyFile == "/d/store.key")
    }

    @Test("each kind", arguments: Config.StoreKeyKind.allCases)
    func kinds(kind: Config.StoreKeyKind) throws {
        #expect(try node("[store]\nkey = '\(kind.rawValue)'").storeKey == kind)
        #expect(try parse("role = 'device'\ndata = '/d'\n[store]\nkey = '\(kind.rawValue)'").storeKey == kind)
    }

    @Test("another word names the right ones")
    func wrongWord() {
        let error = nodeError("[store]\nkey = 'tpm'")
        #expect(error?.code == .badValue)
        let words = "\(error.map { "\($0) \($0.hint ?? "")" } ?? "")"
        for kind in Config.StoreKeyKind.allCases { #expect(words.contains(kind.rawValue)) }
    }

    @Test("a key of another kind is refused with its line")
    func mixed() {
        let cases = [
            (
                "key = 'passphrase'\nkey_file = 'k'", "'key_file' is not used with key = \"passphrase\"",
                "key = \"file\""
            ),
            (
                "key_file = 'k'\nkey = 'credential'", "'key_file' is not used with key = \"credential\"",
                "key = \"file\""
            ),
            ("credential = 'c'", "'credential' is not used with key = \"file\"", "key = \"credential\""),
            (
                "key = 'passphrase'\ncredential = 'c'", "'credential' is not used with key = \"passphrase\"",
                "key = \"credential\""
            ),
        ]
        for (lines, words, hint) in cases {
            let error = nodeError("[store]\n\(lines)")
            #expect(error?.code == .badValue, "\(lines)")
            #expect(error.map { "\($0)".contains(words) } == true, "\(lines): \(String(describing: error))")
            #expect(error?.hint?.contains(hint) == true, "\(lines)")
            #expect(error?.line != nil, "\(lines)")
        }
    }

    @Test("a default that is written down is not mixed with anything", arguments: Config.StoreKeyKind.allCases)
    func writtenDefaults(kind: Config.StoreKeyKind) throws {
        let lines = "key = '\(kind.rawValue)'\nkey_file = ''\ncredential = 'speem-store-key'"
        #expect(try node("[store]\n\(lines)").storeKey == kind)
    }

    @Test("a credential is a file's name", arguments: ["", ".", "..", "a/b", "/run/x"])
    func credentialNames(name: String) {
        let error = nodeError("[store]\nkey = 'credential'\ncredential = '\(name)'")
        #expect(error?.code == .badValue)
        #expect(error.map { "\($0)".contains("'credential' must be the name of a file") } == true)
    }

    @Test("any other name is one", arguments: ["a", "speem.key", "..a", String(repeating: "n", count: 255)])
    func goodCredentialNames(name: String) throws {
        #expect(try node("[store]\nkey = 'credential'\ncredential = '\(name)'").credential == name)
        #expect(nodeError("[store]\nkey = 'credential'\ncredential = '\(String(repeating: "n", count: 256))'") != nil)
    }
}
