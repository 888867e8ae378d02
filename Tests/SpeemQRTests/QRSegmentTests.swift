import Testing

@testable import SpeemQR

@Suite struct QRSegmentTests {
    @Test(arguments: [
        ("", QRSegment.Mode.byte), ("0", .numeric), ("0123456789", .numeric), ("12A", .alphanumeric),
        (" ", .alphanumeric),
        ("SPEEM:MFRGG2LTMVZSA===", .byte), ("SPEEM:MFRGG2LTMVZSA", .alphanumeric), ("$%*+-./:", .alphanumeric),
        ("speem:a", .byte), ("12,5", .byte), ("A\n", .byte), ("\u{7F}", .byte), ("\u{0}", .byte), ("Ä", .utf8),
        ("１２", .utf8), ("é", .utf8), ("e\u{301}", .utf8), ("🙂", .utf8),
    ])
    func theDensestModeIsTaken(text: String, mode: QRSegment.Mode) {
        #expect(QRSegment(text).mode == mode)
    }

    /// Table 7 of the standard: (level, version, numeric, alphanumeric, byte).
    @Test(arguments: [
        (QRCode.Level.low, 1, 41, 25, 17), (.medium, 1, 34, 20, 14), (.quartile, 1, 27, 16, 11), (.high, 1, 17, 10, 7),
        (.low, 6, 322, 195, 134), (.medium, 7, 293, 178, 122), (.low, 9, 552, 335, 230), (.medium, 9, 432, 262, 180),
        (.quartile, 9, 312, 189, 130), (.high, 9, 235, 143, 98), (.low, 10, 652, 395, 271),
        (.medium, 10, 513, 311, 213),
        (.quartile, 10, 364, 221, 151), (.high, 10, 288, 174, 119), (.low, 26, 3283, 1990, 1367),
        (.medium, 26, 2544, 1542, 1059), (.quartile, 26, 1804, 1094, 751), (.high, 26, 1425, 864, 593),
        (.low, 27, 3517, 2132, 1465), (.medium, 27, 2701, 1637, 1125), (.quartile, 27, 1933, 1172, 805),
        (.high, 27, 1501, 910, 625), (.low, 40, 7089, 4296, 2953), (.medium, 40, 5596, 3391, 2331),
        (.quartile, 40, 3993, 2420, 1663), (.high, 40, 3057, 1852, 1273),
    ])
    func capacitiesAreThoseOfTheStandard(
        level: QRCode.Level, number: Int, numeric: Int, alphanumeric: Int, byte: Int
    ) {
        let version = QRVersion(number)
        #expect(QRSegment.capacity(.numeric, version: version, level: level) == numeric)
        #expect(QRSegment.capacity(.alphanumeric, version: version, level: level) == alphanumeric)
        #expect(QRSegment.capacity(.byte, version: version, level: level) == byte)
    }

    @Test func capacitiesGrowWithTheVersion() {
        for mode in QRSegment.Mode.all {
            for level in QRCode.Level.allCases {
                let capacities = QRVersion.all.map { QRSegment.capacity(mode, version: $0, level: level) }
                #expect(zip(capacities, capacities.dropFirst()).allSatisfy(<))
            }
        }
    }

    /// Filling a version to its last byte must not overflow it, and the next byte must take the next version.
    @Test(arguments: QRSegment.Mode.all)
    func aFullVersionIsTheSmallestThatHolds(mode: QRSegment.Mode) throws {
        var generator = SeededGenerator(seed: 11)
        for version in QRVersion.all {
            for level in QRCode.Level.allCases {
                let capacity = QRSegment.capacity(mode, version: version, level: level)
                let full = QRSegment(mode.text(count: capacity, using: &generator))
                #expect(full.bytes.count == capacity)
                #expect(full.mode == mode)
                #expect(try full.smallestVersion(level: level) == version)
                let codewords = full.dataCodewords(version: version, level: level)
                #expect(codewords.count == version.errorCorrection(level).dataCodewords)
                let over = QRSegment(mode.text(count: capacity + 1, using: &generator))
                if version.number < 40 {
                    #expect(try over.smallestVersion(level: level).number == version.number + 1)
                } else {
                    #expect(throws: QRCodeError.tooLong(bytes: capacity + 1, limit: capacity)) {
                        try over.smallestVersion(level: level)
                    }
                }
            }
        }
    }

    /// 7.4.3 and annex I of the standard.
    @Test func numericExampleOfTheStandard() {
        let codewords = QRSegment("01234567").dataCodewords(version: QRVersion(1), level: .medium)
        #expect(codewords.prefix(6) == [0x10, 0x20, 0x0C, 0x56, 0x61, 0x80])
        #expect(Array(codewords.dropFirst(6)) == [0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11])
    }

    /// 7.4.4 of the standard: AC-42 is 0010 000000101 00111001110 11100111001 000010.
    @Test func alphanumericExampleOfTheStandard() {
        let codewords = QRSegment("AC-42").dataCodewords(version: QRVersion(1), level: .high)
        #expect(codewords.prefix(6) == [0b0010_0000, 0b0010_1001, 0b1100_1110, 0b1110_0111, 0b0010_0001, 0b0000_0000])
    }

    @Test func bytesAreWrittenAsTheyAre() {
        let codewords = QRSegment("ab").dataCodewords(version: QRVersion(1), level: .low)
        #expect(codewords.prefix(4) == [0x40, 0x26, 0x16, 0x20])
    }

    @Test func utf8IsAnnounced() {
        // 0111 00011010 0100 00000010 11000011 10000100 and a terminator.
        let codewords = QRSegment("Ä").dataCodewords(version: QRVersion(1), level: .low)
        #expect(codewords.prefix(6) == [0x71, 0xA4, 0x02, 0xC3, 0x84, 0x00])
    }

    @Test func anEmptyTextIsATerminatorAndPadding() {
        let codewords = QRSegment("").dataCodewords(version: QRVersion(1), level: .high)
        #expect(codewords == [0x40, 0x00, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC])
    }

    /// Full to the last bits: no room for a whole terminator, and none for padding.
    @Test func terminatorIsCutWhereTheSymbolEnds() {
        // 4 + 10 + 3 · 10 · 13 + 7 = 151 of 152 bits.
        let full = QRSegment(String(repeating: "9", count: 41)).dataCodewords(version: QRVersion(1), level: .low)
        #expect(full.count == 19)
        #expect(full.last == 0b1100_0110)
    }
}
