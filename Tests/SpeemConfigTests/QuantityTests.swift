import Testing

@testable import SpeemConfig

@Suite("Quantity")
struct QuantityTests {
    @Test(
        "sizes in bytes",
        arguments: [
            ("0B", 0), ("1B", 1), ("1KB", 1_000), ("1MB", 1_000_000), ("1GB", 1_000_000_000),
            ("1TB", 1_000_000_000_000),
            ("1KiB", 1_024), ("1MiB", 1_048_576), ("1GiB", 1_073_741_824), ("1TiB", 1_099_511_627_776),
            ("512KiB", 524_288), ("007MB", 7_000_000), ("9223372036854775807B", Int64.max),
        ] as [(String, Int64)])
    func sizes(text: String, bytes: Int64) throws {
        #expect(try Quantity<SizeUnit>(parsing: text).amount == bytes)
    }

    @Test(
        "durations in seconds",
        arguments: [("0s", 0), ("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800)] as [(String, Int64)])
    func durations(text: String, seconds: Int64) throws {
        #expect(try Quantity<DurationUnit>(parsing: text).amount == seconds)
    }

    @Test(
        "a huge number stops at the largest there is",
        arguments: [
            "9223372036854775808B", "9223372036854775807TiB", "99999999999999999999999999999999999999TB",
            "9223372036854776KB", "18446744073709551617B",
        ])
    func huge(text: String) throws {
        #expect(try Quantity<SizeUnit>(parsing: text).amount == Int64.max)
    }

    @Test("60,000 digits do no harm")
    func manyDigits() throws {
        let digits = String(repeating: "9", count: 60_000)
        #expect(try Quantity<SizeUnit>(parsing: digits + "TB").amount == Int64.max)
        #expect(throws: QuantityError<SizeUnit>.unknownUnit("tb", suggestion: nil)) {
            try Quantity<SizeUnit>(parsing: digits + "tb")
        }
    }

    @Test(
        "each mistake is named",
        arguments: [
            ("", .noNumber), ("MB", .noNumber), (" 1MB", .noNumber), ("+1MB", .noNumber), ("１MB", .noNumber),
            ("-1MB", .negative),
            ("1", .noUnit), ("100", .noUnit),
            ("1.5GB", .fraction), ("1,5GB", .fraction),
            ("1 GB", .spaceBeforeUnit(suggestion: "1GB")), ("1  gb", .spaceBeforeUnit(suggestion: "1GB")),
            ("1 parsec", .spaceBeforeUnit(suggestion: nil)),
            ("1gb", .unknownUnit("gb", suggestion: "1GB")), ("1kib", .unknownUnit("kib", suggestion: "1KiB")),
            ("1G", .unknownUnit("G", suggestion: nil)), ("1GB ", .unknownUnit("GB ", suggestion: nil)),
            ("1d", .unknownUnit("d", suggestion: nil)), ("1_000MB", .unknownUnit("_000MB", suggestion: nil)),
            ("1MB2", .unknownUnit("MB2", suggestion: nil)), ("1\u{301}B", .unknownUnit("\u{301}B", suggestion: nil)),
        ] as [(String, QuantityError<SizeUnit>)])
    func mistakes(text: String, error: QuantityError<SizeUnit>) {
        #expect(throws: error) { try Quantity<SizeUnit>(parsing: text) }
    }

    @Test("a size is no duration")
    func otherUnits() {
        #expect(throws: QuantityError<DurationUnit>.unknownUnit("MB", suggestion: nil)) {
            try Quantity<DurationUnit>(parsing: "1MB")
        }
        #expect(throws: QuantityError<DurationUnit>.unknownUnit("D", suggestion: "7d")) {
            try Quantity<DurationUnit>(parsing: "7D")
        }
    }

    @Test("what is written is read back, for every unit")
    func roundTrip() throws {
        for unit in SizeUnit.allCases {
            let quantity = Quantity(12, unit)
            #expect(try Quantity<SizeUnit>(parsing: quantity.description) == quantity)
        }
        for unit in DurationUnit.allCases {
            let quantity = Quantity(12, unit)
            #expect(try Quantity<DurationUnit>(parsing: quantity.description) == quantity)
        }
    }

    @Test("order is by amount, not by number")
    func order() {
        #expect(Quantity(1, SizeUnit.gigabyte) > Quantity(999, .megabyte))
        #expect(Quantity(1, SizeUnit.kilobyte) < Quantity(1, .kibibyte))
        #expect(Quantity(60, DurationUnit.minute) == Quantity(1, .hour))
    }

    @Test("descriptions of mistakes are sentences for people")
    func descriptions() {
        #expect(QuantityError<SizeUnit>.noUnit.description == "it has no unit")
        #expect(QuantityError<SizeUnit>.unknownUnit("x", suggestion: nil).description == "there is no unit 'x'")
    }
}
