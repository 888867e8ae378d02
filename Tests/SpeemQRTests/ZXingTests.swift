import Foundation
import Testing

@testable import SpeemQR

/// Has all kinds of symbols read by zxing-cpp, in one run of `check_qr.py`. The environment variable SPEEM_PYTHON names a
/// Python that has the packages zxing-cpp (3.1.1) and numpy.
@Suite struct ZXingTests {
    private static let python = ProcessInfo.processInfo.environment["SPEEM_PYTHON"]

    @Test(.enabled(if: python != nil, "SPEEM_PYTHON does not name a Python with zxing-cpp and numpy"))
    func anotherReaderReadsWhatWeWrite() throws {
        let python = try #require(Self.python)
        var gallery = try Gallery()
        defer { gallery.remove() }

        try addEveryVersion(to: &gallery)
        try addEveryMask(to: &gallery)
        try addRandomTexts(to: &gallery)
        try addTerminals(to: &gallery)
        try addDamage(to: &gallery)
        // What must be complained about, lest the check be blind: a wrong text, a wrong mask, damage and none.
        let code = try QRCode("SPEEM:MFRGG", mask: 3)
        try gallery.add(code, says: "SPEEM:MFRGH", name: "control-text")
        try gallery.add(code, says: "SPEEM:MFRGG", name: "control-mask", mask: 4)
        try gallery.add(code, says: "SPEEM:MFRGG", name: "control-undamaged", damage: 0)
        let stained = try QRCode("SPEEM:MFRGG", level: .high)
        try gallery.add(stained, says: "SPEEM:MFRGG", name: "control-ruined", damage: 12)

        let report = try gallery.check(python: python)
        let complaints = report.filter { !$0.hasPrefix("control-") && !$0.hasPrefix("checked ") }
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
        let controls = report.filter { $0.hasPrefix("control-") }.map { $0.prefix { $0 != ":" } }
        #expect(controls == ["control-text", "control-mask", "control-undamaged", "control-ruined"])
        #expect(report.last == "checked \(gallery.count)")
        #expect(gallery.count > 400)
    }

    /// All versions and levels, modes by turns, filled to the last byte or not, masks by turns.
    private func addEveryVersion(to gallery: inout Gallery) throws {
        var generator = SeededGenerator(seed: 40)
        for version in QRVersion.all {
            for (index, level) in QRCode.Level.allCases.enumerated() {
                let mode = QRSegment.Mode.all[(version.number + index) % 4]
                let capacity = QRSegment.capacity(mode, version: version, level: level)
                let previous = QRVersion(max(1, version.number - 1))
                let least = version.number == 1 ? 1 : QRSegment.capacity(mode, version: previous, level: level) + 1
                let isFull = version.number % 2 == 0
                let count = isFull ? capacity : Int.random(in: least...capacity, using: &generator)
                let text = mode.text(count: count, using: &generator)
                let mask = (version.number / 4 + 3 * index) % 8
                let code = try QRCode(text, level: level, mask: mask)
                #expect(code.version == version.number)
                try gallery.add(code, says: text, name: "version-\(version.number)-\(level)-\(mode)")
            }
        }
    }

    /// All masks with all levels and modes, in small symbols.
    private func addEveryMask(to gallery: inout Gallery) throws {
        var generator = SeededGenerator(seed: 8)
        for mask in 0..<8 {
            for level in QRCode.Level.allCases {
                for mode in QRSegment.Mode.all {
                    let text = mode.text(count: Int.random(in: 1...60, using: &generator), using: &generator)
                    let code = try QRCode(text, level: level, mask: mask)
                    try gallery.add(code, says: text, name: "mask-\(mask)-\(level)-\(mode)")
                }
            }
        }
    }

    /// The best mask, and lengths that end in every remainder of 2 and 3 characters.
    private func addRandomTexts(to gallery: inout Gallery) throws {
        var generator = SeededGenerator(seed: 99)
        for index in 0..<80 {
            let mode = QRSegment.Mode.all[index % 4]
            let level = QRCode.Level.allCases[index / 4 % 4]
            let text = mode.text(count: 1 + index * 2 + index / 4 % 3, using: &generator)
            try gallery.add(try QRCode(text, level: level), says: text, name: "random-\(index)-\(level)-\(mode)")
        }
    }

    private func addTerminals(to gallery: inout Gallery) throws {
        var generator = SeededGenerator(seed: 24)
        for count in [1, 30, 60, 120, 200, 400, 800] {
            let text = "SPEEM:" + QRSegment.Mode.alphanumeric.text(count: count, using: &generator)
            let code = try QRCode(text)
            for kind in ["color", "plain", "inverted"] {
                let file = code.terminalText(color: kind == "color")
                try gallery.add(Array(file.utf8), of: code, says: text, name: "terminal-\(count)-\(kind)", kind: kind)
            }
        }
    }

    /// A light stain on the data, within what the level can repair.
    private func addDamage(to gallery: inout Gallery) throws {
        var generator = SeededGenerator(seed: 7)
        for (level, side) in [(QRCode.Level.low, 4), (.medium, 7), (.quartile, 9), (.high, 11)] {
            for count in [120, 160] {
                let text = QRSegment.Mode.alphanumeric.text(count: count, using: &generator)
                let code = try QRCode(text, level: level)
                try gallery.add(code, says: text, name: "damage-\(level)-\(count)", damage: side)
            }
        }
    }
}

/// A folder of pictures and the list of what they say.
private struct Gallery {
    private let folder: URL
    private var manifest = ""
    private(set) var count = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "speem-qr-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    func remove() {
        try? FileManager.default.removeItem(at: folder)
    }

    /// Adds a bitmap, with a light square of `damage` modules painted over its middle.
    mutating func add(
        _ code: QRCode, says text: String, name: String, mask: Int? = nil, damage: Int? = nil
    ) throws {
        var picture = code.pbm(scale: 3)
        if let damage { stain(&picture, code, side: damage) }
        try add(picture, of: code, says: text, name: name, mask: mask, isDamaged: damage != nil)
    }

    mutating func add(
        _ picture: [UInt8], of code: QRCode, says text: String, name: String, kind: String = "pbm", mask: Int? = nil,
        isDamaged: Bool = false
    ) throws {
        try Data(picture).write(to: folder.appending(path: name))
        let level =
            switch code.level {
            case .low: "L"
            case .medium: "M"
            case .quartile: "Q"
            case .high: "H"
            }
        let digits = Array("0123456789abcdef")
        let hex = String(text.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] })
        let fields = [
            name, kind, "\(code.version)", level, "\(mask ?? code.mask)", isDamaged ? "damaged" : "clean", hex,
        ]
        manifest += fields.joined(separator: "\t") + "\n"
        count += 1
    }

    private func stain(_ picture: inout [UInt8], _ code: QRCode, side: Int) {
        let width = (code.size + 8) * 3
        let stride = (width + 7) / 8
        let raster = picture.count - stride * width
        let middle = (width - 3 * side) / 2
        for y in middle..<(middle + 3 * side) {
            for x in middle..<(middle + 3 * side) { picture[raster + y * stride + x / 8] &= ~(0x80 >> UInt8(x % 8)) }
        }
    }

    /// The lines that `check_qr.py` prints.
    func check(python: String) throws -> [String] {
        try Data(manifest.utf8).write(to: folder.appending(path: "manifest.tsv"))
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "check_qr.py")
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [script.path, folder.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let printed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: printed, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
