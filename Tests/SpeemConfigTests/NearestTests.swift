import Testing

@testable import SpeemConfig

@Suite("Nearest")
struct NearestTests {
    private func distance(_ left: String, _ right: String) -> Int {
        Nearest.editDistance(Array(left.unicodeScalars), Array(right.unicodeScalars))
    }

    @Test(
        "edit distance",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("quota", "quota", 0), ("quotaa", "quota", 1),
            ("qutoa", "quota", 1), ("kitten", "sitting", 3), ("ca", "abc", 3), ("level", "lever", 1), ("é", "e", 1),
        ])
    func distances(left: String, right: String, expected: Int) {
        #expect(distance(left, right) == expected)
        #expect(distance(right, left) == expected)
    }

    @Test(
        "slips are found",
        arguments: [
            ("adresses", "addresses"), ("adverties", "advertise"), ("Addresses", "addresses"),
            ("ADVERTISE", "advertise"),
            ("addr", "addresses"), ("max-age", "max_age"), ("maxage", "max_age"), ("key_file_path", "key_file"),
            ("keyfile", "key_file"),
        ])
    func slips(word: String, meant: String) {
        let keys = ["addresses", "advertise", "max_age", "key_file"]
        #expect(Nearest.candidate(to: word, among: keys) == meant)
    }

    @Test("other words are not", arguments: ["", "x", "ad", "password", "port", String(repeating: "a", count: 60_000)])
    func others(word: String) {
        #expect(Nearest.candidate(to: word, among: ["addresses", "advertise", "max_age"]) == nil)
    }

    @Test("the nearest of several near ones wins, and of equal ones the first")
    func ties() {
        #expect(Nearest.candidate(to: "quota_own1", among: ["quota_old1x", "quota_own"]) == "quota_own")
        #expect(Nearest.candidate(to: "cat", among: ["bat", "rat"]) == "bat")
        #expect(Nearest.candidate(to: "cat", among: []) == nil)
    }

    @Test("the distance is a metric's: zero only for equals, and no detour is shorter by more than an exchange")
    func properties() {
        var generator = SeededGenerator(seed: 7)
        func word() -> [Unicode.Scalar] {
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in Bool.random(using: &generator) ? "a" : "b" }
        }
        for _ in 0..<500 {
            let (a, b) = (word(), word())
            let d = Nearest.editDistance(a, b)
            #expect((d == 0) == (a == b))
            #expect(d == Nearest.editDistance(b, a))
            #expect(d >= abs(a.count - b.count))
            #expect(d <= max(a.count, b.count))
        }
    }
}
