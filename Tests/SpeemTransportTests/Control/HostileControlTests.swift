import NIOCore
import Testing
import TestTools

@testable import SpeemTransport

/// Thousands of lines as another program could write them into the control socket: garbage, and changes of what is
/// valid. Each is answered with an error or means what it says; none traps.
struct HostileControlTests {
    private static let valid: [[UInt8]] = [
        #"{"jsonrpc":"2.0","id":1,"method":"send","params":{"contact":"bob","text":"grüße \u00fc\n\"\\"}}"#,
        #"{"id":"x","jsonrpc":"2.0","method":"inbox","params":[1,-2.5e-3,true,false,null,{"a":[]}]}"#,
        #"{"jsonrpc":"2.0","method":"status"}"#,
        #"{"jsonrpc":"2.0","id":7,"result":{"messages":[{"sent":1700000000000,"text":"\ud83d\ude00"}]}}"#,
        #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no","data":{"hint":"ask again"}}}"#,
    ].map { Array($0.utf8) }

    private static let tokens: [[UInt8]] =
        [
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud800", "\\udc00", "null", "true", "1e999", "-", "0",
            "9223372036854775808", "-9223372036854775809", "1e-400", "\"jsonrpc\":\"2.0\"", "\"method\":", "\"id\":{}",
            " ",
            "\u{0}", "\u{feff}", "é", "😀",
        ].map { Array($0.utf8) } + [[0xff], [0xc3], [0xed, 0xa0, 0x80]]

    /// Reads `line` both ways; what is understood is written as one line that is understood the same.
    private func check(_ line: [UInt8]) {
        if let json = JSON.parse(line) {
            let written = Array(json.line.utf8)
            #expect(!written.contains(UInt8(ascii: "\n")))
            // A number without a fraction may come back as an integer; from then on nothing changes.
            let again = JSON.parse(written)
            #expect(again != nil && again.flatMap { JSON.parse(Array($0.line.utf8)) } == again)
        }
        switch ControlMessage.parseRequest(line) {
        case .success(let request):
            let parsed = JSON.parse(line)
            #expect(parsed?["method"]?.stringValue == request.method)
        case .failure(let error): #expect(error == .parseError || error == .invalidRequest)
        }
        if let reply = ControlMessage.parseReply(line) {
            #expect(JSON.parse(line)?["jsonrpc"] == .string("2.0"))
            let end = reply.line.firstIndex(of: UInt8(ascii: "\n"))
            #expect(end == reply.line.count - 1)
        }
    }

    @Test func garbage() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2_000 { check(Mutations.garbage(upTo: 400, using: &generator)) }
    }

    @Test func changedLines() {
        var generator = SeededGenerator(seed: 2)
        for line in Self.valid { check(line) }
        for _ in 0..<4_000 {
            check(Mutations.mutate(Self.valid.randomElement(using: &generator) ?? [], using: &generator))
        }
    }

    @Test func tokensInAnyOrder() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<3_000 {
            let count = Int.random(in: 0..<20, using: &generator)
            check((0..<count).flatMap { _ in Self.tokens.randomElement(using: &generator) ?? [] })
            // And within a line that is right otherwise.
            var line = Self.valid.randomElement(using: &generator) ?? []
            let token = Self.tokens.randomElement(using: &generator) ?? []
            line.insert(contentsOf: token, at: Int.random(in: 0...line.count, using: &generator))
            check(line)
        }
    }

    @Test(arguments: ["[", "{\"a\":", "[[", "[{\"a\":"])
    func deepNesting(opening: String) {
        for depth in [10, 500, 600, 10_000, 50_000] {
            let open = [UInt8](String(repeating: opening, count: depth).utf8)
            check(open)
            let closing = opening.reversed().compactMap { ["[": "]", "{": "}"][$0] }.joined()
            check(open + Array("1".utf8) + Array(String(repeating: closing, count: depth).utf8))
        }
    }

    /// However the bytes come in pieces, the lines are the same.
    @Test func linesInPieces() throws {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<500 {
            let lines = (0..<Int.random(in: 0..<6, using: &generator)).map { _ in
                Mutations.garbage(upTo: 60, using: &generator).filter { $0 != UInt8(ascii: "\n") }
            }
            var stream = lines.flatMap { $0 + [UInt8(ascii: "\n")] }
            stream += Array("unfinished".utf8)
            var decoder = LineDecoder()
            var buffer = ByteBuffer()
            var decoded: [[UInt8]] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...30, using: &generator))
                rest = rest.dropFirst(piece.count)
                buffer.writeBytes(piece)
                while let line = try decoder.decode(buffer: &buffer) { decoded.append(line) }
            }
            #expect(decoded == lines)
            #expect(buffer.readableBytes == "unfinished".utf8.count)
        }
    }
}
