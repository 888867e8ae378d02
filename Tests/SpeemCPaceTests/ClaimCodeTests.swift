import SpeemCrypto
import Testing

@testable import SpeemCPace

struct ClaimCodeTests {
    private func code(_ values: UInt32...) -> (text: String, taken: Int) {
        let source = ScriptedRandomSource(values.flatMap { BigEndian.bytes($0) })
        return (ClaimCode(random: source).text, source.taken)
    }

    @Test func everyValueIsShownWithEightDigits() {
        #expect(code(0).text == "0000 0000")
        #expect(code(7).text == "0000 0007")
        #expect(code(12_345_678).text == "1234 5678")
        #expect(code(99_999_999).text == "9999 9999")
        #expect(code(100_000_000).text == "0000 0000")
    }

    /// 2^32 is no multiple of 10^8: what lies above the last one would make the lower codes likelier.
    @Test func noCodeIsLikelier() {
        #expect(code(4_199_999_999) == (text: "9999 9999", taken: 4))
        #expect(code(4_200_000_000, 1) == (text: "0000 0001", taken: 8))
        #expect(code(.max, 4_200_000_000, 42) == (text: "0000 0042", taken: 12))
    }

    @Test func codesDiffer() {
        let codes = Set((0..<200).map { _ in ClaimCode(random: SystemRandomSource()).text })
        #expect(codes.count > 195)
    }

    @Test(arguments: ["12345678", "1234 5678", "1234-5678", " 1 2 3 4 5 6 7 8 ", "12-34-56-78\n", "1234\t5678\r\n"])
    func whatIsTypedIsUnderstood(text: String) throws {
        #expect(try ClaimCode(text: text) == ClaimCode(text: "12345678"))
        #expect(try ClaimCode(text: text).text == "1234 5678")
    }

    @Test(arguments: [
        "", "1234567", "123456789", "1234567a", "1234.5678", "+12345678", "１２３４５６７８", "speem:abc", "12345678\0",
        "12345678" + String(repeating: " ", count: 60), "1234_5678", "٠١٢٣٤٥٦٧",
    ])
    func everythingElseIsRefused(text: String) {
        #expect(throws: ClaimCode.TextError()) { try ClaimCode(text: text) }
    }

    @Test func aShownCodeIsReadAgain() throws {
        for _ in 0..<50 {
            let code = ClaimCode(random: SystemRandomSource())
            #expect(try ClaimCode(text: code.text) == code)
        }
    }

    @Test func codesDoNotShowThemselves() throws {
        let code = try ClaimCode(text: "1234 5678")
        #expect(!"\(code)".contains("1234"))
        #expect("\(ClaimCode.TextError())".contains("8 digits"))
    }
}
