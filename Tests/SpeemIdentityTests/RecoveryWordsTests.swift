import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct RecoveryWordsTests {
    /// The first four are BIP-39's own for 256 bits; all were made with the Python package mnemonic:
    /// Mnemonic("english").to_mnemonic(bytes.fromhex(entropy)); from the fifth on entropy = sha256(b"speem 0") and so on.
    static let vectors: [(entropy: String, words: String)] = [
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
                + "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year "
                + "wave sausage worth useful legal winner thank year wave sausage worth title"
        ),
        (
            "8080808080808080808080808080808080808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd "
                + "amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless"
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
                + "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote"
        ),
        (
            "1af008b91645d29094bfea79f6a528d395ce8605fba38d9f0e6227b4faf16c2e",
            "brain leopard comic clutch frog embark fancy wool ketchup release enforce poet "
                + "friend drink blood inner mirror wear obtain exhaust exile judge radar similar"
        ),
        (
            "4fbdd7616aaf03ae245fed261a7b71193960d2ac82057b7978fdd48e29cc51de",
            "exile upgrade success stem usual strike multiply world champion stable sword crash "
                + "noodle harsh rare doll kiwi slim disorder poverty tip tower electric scout"
        ),
        (
            "1f4bd27bc2829d62c71b6a86c908354a056f885cb2314b8230fd184386168cac",
            "butter future page lunar clap ramp broccoli hood man embark ask neglect "
                + "finger service index economy entire bag dismiss correct debris area crawl nut"
        ),
        (
            "7774fa80da1f9764f689dae659edc64cace0c7a2130f5da582ba2ece13038d16",
            "jazz pond parent reflect west raven surface deputy town sorry immense off "
                + "sock glow marriage giggle frozen clown purse frown thrive limb crowd sniff"
        ),
        (
            "0ec230053a546030597fa99be56ce8b6b60b4c45fd1ec222d554c50f31d33619",
            "attract bag access input ecology blouse grass vivid orbit clock demand hope "
                + "gaze plate blood phrase season birth festival meat vessel trumpet such coin"
        ),
        (
            "8166882487193ced0e62fc9516b5153ac35cde18ccf34dcba193601603eaabf4",
            "lift crowd ankle athlete need isolate define garbage never remember earn intact "
                + "cupboard humor glimpse oyster evidence fringe gospel scan gasp vocal quit outside"
        ),
        (
            "ba11d183e6a198bfc468ef7e941020a521cb51610c5af438dc2a474eb7636696",
            "ring model genius snap book garment balance bulb leader party amused engage "
                + "bronze post loud mercy vintage shoulder appear model twin random olympic spy"
        ),
        (
            "cf7f88a40b538c5cb2050e88475c71dc473708f21205d5a9df91195124e60f59",
            "sorry wisdom cinnamon birth decide comic siege peace marriage depend broccoli review "
                + "inflict love sign doll stick exclude tone crawl banner indoor dice dinosaur"
        ),
    ]

    @Test(arguments: vectors.indices)
    func vector(index: Int) throws {
        let (entropy, words) = Self.vectors[index]
        let bytes = SecretBytes(try #require(Hex.decode(entropy)))
        #expect(RecoveryWords(entropy: bytes).words.joined(separator: " ") == words)
        #expect(try RecoveryWords.entropy(from: words) == bytes)
        let typed = "  " + words.uppercased().replacing(" ", with: " \n\t ") + "\n"
        #expect(try RecoveryWords.entropy(from: typed) == bytes)
    }

    @Test func theListIsWhole() {
        #expect(WordList.words.count == 2048)
        #expect(Set(WordList.words.map { $0.prefix(4) }).count == 2048)
        #expect(WordList.words.first == "abandon" && WordList.words.last == "zoo")
        #expect(WordList.words == WordList.words.sorted())
    }

    @Test func everyWrongWordIsFoundOrTold() throws {
        let words = Self.vectors[4].words.split(separator: " ").map(String.init)
        var accepted = 0
        for index in words.indices {
            var wrong = words
            wrong[index] = words[index] == "zoo" ? "abandon" : "zoo"
            if (try? RecoveryWords.entropy(from: wrong.joined(separator: " "))) != nil { accepted += 1 }
            wrong[index] = "speeem"
            #expect(throws: IdentityError.self) { _ = try RecoveryWords.entropy(from: wrong.joined(separator: " ")) }
        }
        // 8 bits of checksum let one of 256 through.
        #expect(accepted <= 1)
        var swapped = words
        swapped.swapAt(0, 1)
        #expect(throws: IdentityError.wordChecksum) {
            _ = try RecoveryWords.entropy(from: swapped.joined(separator: " "))
        }
    }

    @Test func wordsAreSuggested() {
        var words = Self.vectors[4].words.split(separator: " ").map(String.init)
        words[2] = "abandonn"
        #expect(throws: IdentityError.unknownWord("abandonn", position: 3, suggestion: "abandon")) {
            _ = try RecoveryWords.entropy(from: words.joined(separator: " "))
        }
        #expect(throws: IdentityError.wordCount(23)) {
            _ = try RecoveryWords.entropy(from: words.dropLast().joined(separator: " "))
        }
        #expect(throws: IdentityError.wordCount(0)) { _ = try RecoveryWords.entropy(from: "") }
        #expect(throws: IdentityError.wordCount(10_000)) {
            _ = try RecoveryWords.entropy(from: String(repeating: "zoo ", count: 10_000))
        }
    }

    @Test func theAccountKeyIsTheWords() throws {
        let account = AccountKey(random: SystemRandomSource())
        let again = try AccountKey(words: account.words.words.joined(separator: " "))
        #expect(again.publicKey == account.publicKey)
        // Nobody changes the derivation by accident: every account would be lost.
        let fixed = try AccountKey(words: Self.vectors[1].words)
        #expect(Hex.encode(fixed.publicKey.bytes) == "4cdbea0c728b01524567e37600fcfbd1f98ccf193272b0319d67912fe1e25837")
    }
}
