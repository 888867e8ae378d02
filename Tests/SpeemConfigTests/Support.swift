import Testing

@testable import SpeemConfig

/// The document of a text that must parse.
func document(_ text: String) throws -> TOMLDocument {
    try TOMLParser.parse(ConfigText(decoding: Array(text.utf8)))
}

/// The fault of a text that must not parse.
func fault(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Fault? {
    fault(Array(text.utf8), sourceLocation: sourceLocation)
}

func fault(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) -> Fault? {
    #expect(throws: Fault.self, sourceLocation: sourceLocation) {
        _ = try TOMLParser.parse(ConfigText(decoding: bytes))
    }
}

/// A node's config with `text` after what is required.
func node(_ text: String = "", home: String? = "/home/me") throws(ConfigError) -> Config {
    try parse("role = \"node\"\ndata = \"/d\"\n" + text, home: home)
}

/// A device's config with `text` after what is required.
func device(_ text: String = "", home: String? = "/home/me") throws(ConfigError) -> Config {
    try parse("role = \"device\"\ndata = \"/d\"\n" + text, home: home)
}

func parse(_ text: String, file: String = "/etc/speem.toml", home: String? = "/home/me") throws(ConfigError) -> Config {
    try Config.parse(Array(text.utf8), file: file, home: home)
}

/// The error of a node's config with `text` from line 3 on.
func nodeError(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> ConfigError? {
    #expect(throws: ConfigError.self, sourceLocation: sourceLocation) { try node(text) }
}

/// The error of a device's config with `text` from line 3 on.
func deviceError(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> ConfigError? {
    #expect(throws: ConfigError.self, sourceLocation: sourceLocation) { try device(text) }
}

func parseError(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> ConfigError? {
    #expect(throws: ConfigError.self, sourceLocation: sourceLocation) { try parse(text) }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence from the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A valid file with everything the subset has.
let fullNode = """
    # a node
    role = "node"   # comment
    data = '~/speem'
    name = "K\\u00fcche \\"1\\""

    [ listen ]
    addresses = [
        "[::]:4404", # all
        '192.0.2.1:0',
    ]
    advertise = ["home.example.org:4404", "[2001:db8::1]:4404"]

    [mailbox]
    quota = "2GB"
    quota_per_contact = "50MiB"
    quota_own = "512MB"
    max_age = "30d"

    [claim]
    lifetime = "2h"
    network = false
    port = 4_405
    [limits]
    connections = 1_024
    connections_per_grant = +8
    handshake_timeout = "10s"
    idle_timeout = "15m"
    [store]
    key_file = "keys/store.key"
    [control]
    socket = "/run/speem/control.sock"
    [log]
    level = "debug"

    """
