import SpeemCrypto

/// Why a message of the other side is refused.
public enum ReconciliationError: Error, Equatable, Sendable, CustomStringConvertible {
    case malformed
    case tooLong(limit: Int)

    public var description: String {
        switch self {
        case .malformed: "a reconciliation message is malformed"
        case .tooLong(let limit): "a reconciliation message has more than \(limit) bytes"
        }
    }
}

/// Limits of reconciliation, with their reasons.
public enum ReconciliationLimits {
    /// Bytes of a message: it fits a sealed message with room to spare.
    public static let messageBytes = 48 * 1024
    /// Parts that a range which differs is cut into. Fewer parts cost more rounds, more parts cost more bytes.
    static let parts = 8
    /// Elements of a range up to which they are listed and not cut again; not below ``parts``, or a part would be empty.
    static let listed = 16
}

/// What one side says about consecutive ranges of the order, from its beginning.
///
///     version 1 | ranges, each: end | mode 1 | payload
///     end: varint 0 for behind all, else 1 + time since the end before, then one byte 0 for the id 0, or 1 and id 8
///     mode 0, nothing to say: no payload
///     mode 1, fingerprint: 5
///     mode 2, list: varint count, each id 8
///
/// Varints are LEB128, at most 10 bytes. Numbers are big-endian.
struct ReconciliationMessage: Sendable, Equatable {
    enum Statement: Sendable, Equatable {
        case nothing
        case fingerprint(UInt64)
        case list([UInt64])
    }

    struct Part: Sendable, Equatable {
        let end: Bound
        let statement: Statement
    }

    private static let version: UInt8 = 1
    private(set) var parts: [Part] = []
    /// Bytes of the encoding so far, at the most.
    private(set) var size = 1

    /// Bytes of a part at the most: an end of 20, a mode, a count of 10.
    private static let partOverhead = 31

    /// Adds a part; two that say nothing become one.
    mutating func append(_ end: Bound, _ statement: Statement) {
        if statement == .nothing, parts.last?.statement == .nothing {
            parts.removeLast()
            size -= Self.partOverhead
        }
        parts.append(Part(end: end, statement: statement))
        size += Self.partOverhead
        if case .list(let ids) = statement { size += ids.count * 8 }
    }

    /// What lies behind the last part needs no words.
    mutating func dropTrailingNothing() {
        while parts.last?.statement == .nothing { parts.removeLast() }
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = [Self.version]
        var previous: UInt64 = 0
        for part in parts {
            switch part.end {
            case .end: bytes.append(0)
            case .item(let item):
                // Ends ascend, and every time has a successor.
                Self.write(varint: item.time - previous + 1, to: &bytes)
                bytes.append(item.id == 0 ? 0 : 1)
                if item.id != 0 { bytes += BigEndian.bytes(item.id) }
                previous = item.time
            }
            switch part.statement {
            case .nothing: bytes.append(0)
            case .fingerprint(let value): bytes += [1] + BigEndian.bytes(value).suffix(ItemSet.fingerprintLength)
            case .list(let ids):
                bytes.append(2)
                Self.write(varint: UInt64(ids.count), to: &bytes)
                for id in ids { bytes += BigEndian.bytes(id) }
            }
        }
        return bytes
    }

    init() {}

    /// Reads a message; its ends must ascend.
    init(_ bytes: [UInt8]) throws(ReconciliationError) {
        guard bytes.count <= ReconciliationLimits.messageBytes else {
            throw .tooLong(limit: ReconciliationLimits.messageBytes)
        }
        var reader = ByteReader(bytes)
        do {
            guard try reader.readByte() == Self.version else { throw ReconciliationError.malformed }
            var last: Bound?
            while reader.remaining > 0 {
                let end = try Self.readEnd(&reader, after: last)
                if let last, !(last < end) { throw ReconciliationError.malformed }
                parts.append(Part(end: end, statement: try Self.readStatement(&reader)))
                last = end
            }
        } catch let error as ReconciliationError {
            throw error
        } catch {
            throw .malformed
        }
    }

    private static func readEnd(_ reader: inout ByteReader, after last: Bound?) throws -> Bound {
        let delta = try readVarint(&reader)
        guard delta > 0 else { return .end }
        let base: UInt64 = if case .item(let item)? = last { item.time } else { 0 }
        let (time, overflow) = base.addingReportingOverflow(delta - 1)
        guard !overflow, time <= ReconciliationItem.maxTime else { throw ReconciliationError.malformed }
        switch try reader.readByte() {
        case 0: return .item(ReconciliationItem(time: time, id: 0))
        case 1: return .item(ReconciliationItem(time: time, id: try reader.readBigEndian(UInt64.self)))
        default: throw ReconciliationError.malformed
        }
    }

    private static func readStatement(_ reader: inout ByteReader) throws -> Statement {
        switch try reader.readByte() {
        case 0: return .nothing
        case 1:
            let bytes = try reader.read(ItemSet.fingerprintLength)
            return .fingerprint(bytes.reduce(0) { $0 << 8 | UInt64($1) })
        case 2:
            let count = try readVarint(&reader)
            guard count <= UInt64(reader.remaining / 8) else { throw ReconciliationError.malformed }
            var ids: [UInt64] = []
            for _ in 0..<count { ids.append(try reader.readBigEndian(UInt64.self)) }
            return .list(ids)
        default: throw ReconciliationError.malformed
        }
    }

    private static func write(varint value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func readVarint(_ reader: inout ByteReader) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            let byte = try reader.readByte()
            // The tenth byte holds the last bit of 64.
            guard index < 9 || byte <= 1 else { throw ReconciliationError.malformed }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw ReconciliationError.malformed
    }
}
