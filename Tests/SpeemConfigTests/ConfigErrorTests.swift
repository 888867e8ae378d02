import SpeemConfig
import Testing

@Suite("ConfigError")
struct ConfigErrorTests {
    @Test("a place is line and column, both from 1")
    func place() {
        let error = ConfigError(
            code: .unknownKey, file: "speem.toml", position: .init(line: 3, column: 8), reason: "reason", hint: nil)
        #expect(error.description == "speem.toml:3:8: reason")
        #expect(error.line == 3)
        #expect(error.column == 8)
    }

    @Test("a mistake of the whole file has no place")
    func wholeFile() {
        let error = ConfigError(code: .empty, file: "/etc/speem.toml", position: nil, reason: "reason", hint: "do it")
        #expect(error.description == "/etc/speem.toml: reason")
        #expect(error.line == nil)
        #expect(error.column == nil)
    }

    @Test("codes are words for programs, each another one")
    func codes() {
        let codes = ConfigError.Code.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { $0.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) } })
    }
}
