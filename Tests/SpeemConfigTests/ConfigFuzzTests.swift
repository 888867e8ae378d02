import Testing

@testable import SpeemConfig

/// What a file may do to the program: be accepted or be refused with a place that exists. Never a trap.
@Suite("Config on hostile bytes")
struct ConfigFuzzTests {
    private let valid = Array(fullNode.utf8)

    /// Parses, and checks that an error points into the text.
    @discardableResult
    private func check(_ bytes: [UInt8]) -> Config? {
        do {
            let config = try Config.parse(bytes, file: "speem.toml", home: "/home/me")
            checkInvariants(config)
            return config
        } catch {
            #expect(!error.reason.isEmpty && error.reason.utf8.count < 700)
            #expect(error.description.hasPrefix("speem.toml:"))
            if let position = error.position {
                let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                #expect((1...lines.count).contains(position.line), "\(error)")
                guard lines.indices.contains(position.line - 1) else { return nil }
                // A scalar is a byte at least, and the end of a line is a place too.
                #expect((1...(lines[position.line - 1].count + 1)).contains(position.column), "\(error)")
            }
            return nil
        }
    }

    /// What holds for every config, however it came about.
    private func checkInvariants(_ config: Config) {
        #expect(!config.dataFolder.isEmpty && !config.keyFile.isEmpty)
        #expect((1...Schema.maximumSocketPath).contains(config.controlSocket.utf8.count))
        #expect(config.name.utf8.count <= 64)
        #expect((1...16).contains(config.listen.count) && config.advertise.count <= 8)
        #expect(config.listen.allSatisfy { HostPort(parsing: $0.description) == $0 })
        for amount in [
            config.mailboxQuota, config.mailboxQuotaPerContact, config.mailboxQuotaOwn, config.mailboxMaxAge,
            config.claimLifetime, config.inviteLifetime, config.handshakeTimeout, config.idleTimeout, config.poll,
        ] {
            #expect((1...1_000_000_000_000_000).contains(amount))
        }
        #expect((1...65_536).contains(config.connections) && (1...1_024).contains(config.connectionsPerGrant))
        #expect(Schema.logLevels.contains(config.logLevel))
    }

    @Test("cut off at each byte")
    func truncated() {
        #expect(check(valid) != nil)
        var accepted = 0
        for length in valid.indices where check(Array(valid[..<length])) != nil { accepted += 1 }
        // Whole lines are files too: some are accepted, most are not.
        #expect(accepted > 10 && accepted < valid.count / 2)
    }

    @Test("begun at each byte")
    func beheaded() {
        for start in valid.indices.dropFirst() { check(Array(valid[start...])) }
    }

    @Test("each byte replaced by each of the ones that mean something")
    func replaced() {
        let bytes = Array("\"'[]{}=#,.\\\n\r\t \0_-+0au~/:%".utf8) + [0x7F, 0x80, 0xC3, 0xE2, 0xF0, 0xFF]
        for index in valid.indices {
            for byte in bytes {
                var mutant = valid
                mutant[index] = byte
                check(mutant)
            }
        }
    }

    @Test("each byte left out, and each twice")
    func deletedAndDoubled() {
        for index in valid.indices {
            var mutant = valid
            let byte = mutant.remove(at: index)
            check(mutant)
            mutant.insert(contentsOf: [byte, byte], at: index)
            check(mutant)
        }
    }

    @Test("random mutations", arguments: 1...8 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let words = [
            "\"\"\"", "'''", "[[", "]]", "= =", "\\u", "\\UFFFFFFFF", "99999999999999999999", "9223372036854775807TiB",
            "\"1GB\"", "role", "[mailbox]", "\r\n", "\u{FEFF}", "é", "😀", "\u{202E}", "1e9", "0x", "true", "{}",
        ].map { Array($0.utf8) }
        for _ in 0..<250 {
            var mutant = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                guard !mutant.isEmpty else { break }
                let index = Int.random(in: mutant.indices, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: mutant[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: mutant[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: mutant.insert(contentsOf: words.randomElement(using: &generator) ?? [], at: index)
                case 3:
                    let end = Int.random(in: index..<mutant.endIndex, using: &generator)
                    mutant.removeSubrange(index..<min(end, index + 40))
                default:
                    let end = min(index + Int.random(in: 0..<40, using: &generator), mutant.endIndex)
                    mutant.insert(
                        contentsOf: mutant[index..<end], at: Int.random(in: mutant.indices, using: &generator))
                }
            }
            check(mutant)
        }
    }

    @Test("random bytes and random tokens")
    func noise() {
        var generator = SeededGenerator(seed: 99)
        let tokens = [
            "[", "]", "\"", "'", "=", ",", "#", "\n", " ", "a", "role", "node", "1", "\\", ".", "{", "-", "_", "é",
        ]
        for _ in 0..<1_500 {
            let count = Int.random(in: 0..<40, using: &generator)
            check((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
            check(Array((0..<count).compactMap { _ in tokens.randomElement(using: &generator) }.joined().utf8))
        }
    }

    @Test("one thing repeated up to the limit")
    func repeated() {
        for token in [
            "[", "]", "\"", "'", "=", "#", "a", "a=1\n", "[a]\n", "\n", "\\", "é", "a.", "'',", "\u{301}", "_", "9",
        ] {
            let count = Config.maximumFileSize / token.utf8.count
            check(Array(String(repeating: token, count: count).utf8))
            check(Array(("a = [" + String(repeating: token, count: count - 5)).utf8.prefix(Config.maximumFileSize)))
            check(Array(("a = \"" + String(repeating: token, count: count - 5)).utf8.prefix(Config.maximumFileSize)))
        }
    }
}
