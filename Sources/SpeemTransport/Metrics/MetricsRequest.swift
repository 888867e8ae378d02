/// What is asked of the metrics' socket: as much of HTTP/1.1 (RFC 9112) as a scraper needs. Pure: bytes in, a verdict out.
enum MetricsRequest: Sendable, Equatable {
    /// GET /metrics
    case metrics
    case refused(Refusal)

    enum Refusal: Int, Sendable, Equatable {
        case badRequest = 400
        case notFound = 404
        case methodNotAllowed = 405
        /// For another host: a page in a browser on this machine, whose name was made to lead here.
        case misdirected = 421
        case headTooLarge = 431
        case failed = 500
        case versionNotSupported = 505

        var words: String {
            switch self {
            case .badRequest: "Bad Request"
            case .notFound: "Not Found"
            case .methodNotAllowed: "Method Not Allowed"
            case .misdirected: "Misdirected Request"
            case .headTooLarge: "Request Header Fields Too Large"
            case .failed: "Internal Server Error"
            case .versionNotSupported: "HTTP Version Not Supported"
            }
        }
    }

    /// Bytes of a request at the most.
    static let limit = 4096

    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")

    /// - Returns: nil while the head is not whole.
    static func read(_ bytes: some Collection<UInt8>) -> MetricsRequest? {
        let head = Array(bytes.prefix(limit))
        guard let lines = lines(head) else { return head.count < limit ? nil : .refused(.headTooLarge) }
        guard let requestLine = lines.first else { return .refused(.badRequest) }
        let parts = requestLine.split(separator: space, omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isVisible) }) else {
            return .refused(.badRequest)
        }
        guard parts[2].elementsEqual("HTTP/1.1".utf8) || parts[2].elementsEqual("HTTP/1.0".utf8) else {
            return .refused(.versionNotSupported)
        }
        if let refusal = refusal(ofFields: lines.dropFirst()) { return .refused(refusal) }
        guard parts[0].elementsEqual("GET".utf8) else { return .refused(.methodNotAllowed) }
        let path = parts[1].prefix { $0 != UInt8(ascii: "?") }
        return path.elementsEqual("/metrics".utf8) ? .metrics : .refused(.notFound)
    }

    /// The lines before the empty one; nil when it is not there.
    private static func lines(_ head: [UInt8]) -> [ArraySlice<UInt8>]? {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for index in head.indices.dropFirst() where head[index] == lineFeed && head[index - 1] == carriageReturn {
            // A line end of two bytes begins no earlier than the line.
            guard index - 1 >= start else { continue }
            if index - 1 == start { return lines }
            lines.append(head[start..<index - 1])
            start = index + 1
        }
        return nil
    }

    /// One Host field, which names this machine, and no body.
    private static func refusal(ofFields fields: ArraySlice<ArraySlice<UInt8>>) -> Refusal? {
        var hosts: [String] = []
        for field in fields {
            guard let colon = field.firstIndex(of: UInt8(ascii: ":")), colon > field.startIndex,
                field[..<colon].allSatisfy(isVisible),
                field[colon...].allSatisfy({ isVisible($0) || $0 == space || $0 == UInt8(ascii: "\t") || $0 >= 0x80 })
            else { return .badRequest }
            let name = String(decoding: field[..<colon], as: UTF8.self).lowercased()
            let value = String(decoding: trimmed(field[(colon + 1)...]), as: UTF8.self)
            switch name {
            case "host": hosts.append(value)
            case "content-length": if value != "0" { return .badRequest }
            case "transfer-encoding": return .badRequest
            default: break
            }
        }
        guard hosts.count == 1 else { return .badRequest }
        return isThisMachine(hosts[0]) ? nil : .misdirected
    }

    /// Whether a Host field names the loopback.
    private static func isThisMachine(_ host: String) -> Bool {
        let bytes = Array(host.lowercased().utf8)
        let end: Int
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { return false }
            end = close + 1
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        }
        if end < bytes.count {
            let port = bytes[(end + 1)...]
            guard bytes[end] == UInt8(ascii: ":"), port.count <= 5, port.allSatisfy(isDigit) else { return false }
        }
        let name = bytes[..<end]
        if name.elementsEqual("localhost".utf8) || name.elementsEqual("[::1]".utf8) { return true }
        let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0].elementsEqual("127".utf8)
            && parts.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy(isDigit) }
    }

    private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == UInt8(ascii: "\t") }
        var value = value.drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return value
    }

    private static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7e).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
