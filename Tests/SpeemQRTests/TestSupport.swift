@testable import SpeemQR

/// SplitMix64: the same texts on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

extension QRSegment.Mode {
    static let all: [QRSegment.Mode] = [.numeric, .alphanumeric, .byte, .utf8]

    /// A text of exactly `count` bytes that is encoded in this mode.
    func text(count: Int, using generator: inout SeededGenerator) -> String {
        switch self {
        case .numeric: return characters("0123456789", count, &generator)
        case .alphanumeric:
            return "A" + characters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", count - 1, &generator)
        case .byte:
            let printable = String(decoding: UInt8(ascii: " ")...UInt8(ascii: "~"), as: UTF8.self)
            return "a" + characters(printable, count - 1, &generator)
        case .utf8:
            let odd = count % 2 == 0 ? "" : "x"
            return characters("äöüßéñøžЖдшλπ", count / 2, &generator) + odd
        }
    }

    private func characters(_ alphabet: String, _ count: Int, _ generator: inout SeededGenerator) -> String {
        let alphabet = Array(alphabet)
        return String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}

/// A drawing of a symbol: `#` is dark.
func picture(_ code: QRCode) -> [String] {
    (0..<code.size).map { row in
        String((0..<code.size).map { code[row: row, column: $0] ? "#" : "." })
    }
}
