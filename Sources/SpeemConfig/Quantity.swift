/// A unit that a number in a setting can carry.
protocol QuantityUnit: CaseIterable, RawRepresentable, Sendable, Equatable where RawValue == String {
    /// How many bytes or seconds one of it is.
    var factor: Int64 { get }
}

/// Units of size: decimal (SI) and binary (IEC 80000-13).
enum SizeUnit: String, QuantityUnit {
    case byte = "B"
    case kilobyte = "KB"
    case megabyte = "MB"
    case gigabyte = "GB"
    case terabyte = "TB"
    case kibibyte = "KiB"
    case mebibyte = "MiB"
    case gibibyte = "GiB"
    case tebibyte = "TiB"

    var factor: Int64 {
        switch self {
        case .byte: 1
        case .kilobyte: 1_000
        case .megabyte: 1_000_000
        case .gigabyte: 1_000_000_000
        case .terabyte: 1_000_000_000_000
        case .kibibyte: 1 << 10
        case .mebibyte: 1 << 20
        case .gibibyte: 1 << 30
        case .tebibyte: 1 << 40
        }
    }
}

/// Units of duration.
enum DurationUnit: String, QuantityUnit {
    case second = "s"
    case minute = "m"
    case hour = "h"
    case day = "d"

    var factor: Int64 {
        switch self {
        case .second: 1
        case .minute: 60
        case .hour: 3_600
        case .day: 86_400
        }
    }
}

/// A whole number and its unit, as they were written.
struct Quantity<Unit: QuantityUnit>: Sendable, Equatable, Comparable, CustomStringConvertible {
    let count: Int64
    let unit: Unit

    init(_ count: Int64, _ unit: Unit) {
        self.count = count
        self.unit = unit
    }

    /// Bytes or seconds. It stops at `Int64.max`, which is outside every setting's range.
    var amount: Int64 {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.factor)
        return overflow ? Int64.max : product
    }

    static func < (left: Self, right: Self) -> Bool { left.amount < right.amount }
    static func == (left: Self, right: Self) -> Bool { left.amount == right.amount }

    var description: String { "\(count)\(unit.rawValue)" }

    /// An amount in the largest unit of which it is a whole number.
    static func text(of amount: Int64) -> String {
        let units = Unit.allCases.filter { amount.isMultiple(of: $0.factor) && amount != 0 }
        guard let largest = units.max(by: { $0.factor < $1.factor }) else {
            return "\(amount)" + (Unit.allCases.first?.rawValue ?? "")
        }
        return Quantity(amount / largest.factor, largest).description
    }

    static var unitNames: [String] { Unit.allCases.map(\.rawValue) }
}

/// Why a text is no ``Quantity``.
enum QuantityError<Unit: QuantityUnit>: Error, Equatable, CustomStringConvertible {
    case noNumber
    case negative
    case fraction
    case noUnit
    case spaceBeforeUnit(suggestion: String?)
    case unknownUnit(String, suggestion: String?)

    var description: String {
        switch self {
        case .noNumber: "it does not begin with a number"
        case .negative: "it is negative"
        case .fraction: "it is not a whole number"
        case .noUnit: "it has no unit"
        case .spaceBeforeUnit: "there is a space between number and unit"
        case .unknownUnit(let unit, _): "there is no unit '\(unit.shortened)'"
        }
    }
}

extension Quantity {
    /// Reads decimal digits and a unit, with nothing before, between or after them: `512KiB`, `60d`. A number too large for `Int64` becomes `Int64.max`.
    init(parsing text: String) throws(QuantityError<Unit>) {
        let bytes = Array(text.utf8)
        let digits = bytes.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let rest = bytes.dropFirst(digits.count)
        guard !digits.isEmpty else { throw bytes.first == UInt8(ascii: "-") ? .negative : .noNumber }

        var count: Int64 = 0
        for digit in digits {
            let (tens, overflow) = count.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            count = overflow || carry ? Int64.max : sum
            if overflow || carry { break }
        }

        let number = String(decoding: digits, as: UTF8.self)
        guard let next = rest.first else { throw .noUnit }
        guard next != UInt8(ascii: "."), next != UInt8(ascii: ",") else { throw .fraction }

        let unitText = String(decoding: rest, as: UTF8.self)
        if let unit = Unit(rawValue: unitText) {
            self.init(count, unit)
            return
        }
        let trimmed = String(decoding: rest.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
        let nearest = Unit.allCases.first { $0.rawValue.lowercased() == trimmed.lowercased() }
        let suggestion = number.utf8.count > 20 ? nil : nearest.map { number + $0.rawValue }
        if next == UInt8(ascii: " ") { throw .spaceBeforeUnit(suggestion: suggestion) }
        throw .unknownUnit(unitText, suggestion: suggestion)
    }
}
