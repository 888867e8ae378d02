import Testing

@testable import SpeemTransport

struct JSONEscapeTests {
    @Test func whatATerminalObeysIsEscaped() {
        let text = "a\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\u{2029}\u{7f}\u{feff}\u{e0041}\u{1b}b"
        let json = JSON.object(["text": .string(text)])
        for line in [json.line, json.pretty] {
            let escaped = line.escapingInvisible
            #expect(
                escaped.unicodeScalars.allSatisfy {
                    $0.value < 0x7f && ($0.value >= 0x20 || $0 == "\n")
                }, "\(escaped)")
            #expect(escaped.contains("\\u202e") && escaped.contains("\\u009b") && escaped.contains("\\udb40\\udc41"))
            #expect(JSON.parse(Array(escaped.utf8)) == json)
        }
    }

    @Test func whatCanBeSeenStays() {
        let line = JSON.array([.string("grüße, мир, 世界, 🙂, e\u{301}, \"quoted\" \\")]).line
        #expect(line.escapingInvisible == line)
    }
}
