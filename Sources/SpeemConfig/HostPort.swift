#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An address to listen on or to connect to: a DNS name, an IPv4 or an IPv6 address, and a TCP port.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
    /// A DNS name, `192.0.2.1`, or `2001:db8::1` (without brackets, with `%zone` if one was given).
    public var host: String
    public var port: UInt16

    /// `host` is taken as it is; ``init(parsing:)`` is for text from outside.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, `192.0.2.1:4404` or `[2001:db8::1]:4404`; nil where it is none of them.
    ///
    /// A name is at most 253 ASCII characters in labels of 1 to 63 letters, digits, `-` and `_` (RFC 1123 section 2.1,
    /// and the underscore that local resolvers allow), and the last label is not a number: such a host can only be an
    /// IPv4 address, in four decimal parts. IPv6 needs its brackets, and may carry a zone (RFC 6874: `fe80::1%eth0`).
    public init?(parsing text: String) {
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        guard let port = Self.port(bytes[bytes.index(after: colon)...]) else { return nil }
        let hostBytes = bytes[..<colon]

        if hostBytes.first == UInt8(ascii: "[") {
            guard hostBytes.count >= 2, hostBytes.last == UInt8(ascii: "]") else { return nil }
            let inner = hostBytes.dropFirst().dropLast()
            guard Self.isIPv6(inner) else { return nil }
            self.init(host: String(decoding: inner, as: UTF8.self), port: port)
        } else {
            guard Self.isName(hostBytes) else { return nil }
            self.init(host: String(decoding: hostBytes, as: UTF8.self), port: port)
        }
    }

    /// What ``init(parsing:)`` reads: an IPv6 address stands in brackets.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether the host is `0.0.0.0` or an IPv6 spelling of `::`: good to listen on, nothing to connect to.
    var isUnspecified: Bool {
        if host == "0.0.0.0" { return true }
        var address = in6_addr()
        guard inet_pton(AF_INET6, host, &address) == 1 else { return false }
        return withUnsafeBytes(of: address) { bytes in bytes.allSatisfy { $0 == 0 } }
    }

    /// Whether the host is an IPv4 address of 127.0.0.0/8, or an IPv6 spelling of `::1`: no other machine can connect to it.
    /// A name is none: what `localhost` means is the resolver's word.
    public var isLoopback: Bool {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return withUnsafeBytes(of: four) { $0.first == 127 } }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        return withUnsafeBytes(of: six) { bytes in bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 }
    }

    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self))
    }

    private static func isName(_ host: ArraySlice<UInt8>) -> Bool {
        guard (1...253).contains(host.count) else { return false }
        let labels = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let last = labels.last else { return false }
        if last.allSatisfy(isDigit) { return isIPv4(labels) }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy {
                    isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
    }

    private static func isIPv4(_ parts: [ArraySlice<UInt8>]) -> Bool {
        parts.count == 4
            && parts.allSatisfy { part in
                // A leading zero means octal to some resolvers and nothing to others.
                (1...3).contains(part.count) && part.allSatisfy(isDigit)
                    && (part.count == 1 || part.first != UInt8(ascii: "0"))
                    && UInt8(String(decoding: part, as: UTF8.self)) != nil
            }
    }

    private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "%"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first, address.count <= 45 else { return false }
        // `inet_pton` reads up to the first NUL: only bytes that can stand in an address may reach it.
        guard address.allSatisfy({ isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }) else {
            return false
        }
        var parsed = in6_addr()
        guard inet_pton(AF_INET6, String(decoding: address, as: UTF8.self), &parsed) == 1 else { return false }
        guard parts.count == 2, let zone = parts.last else { return true }
        // IF_NAMESIZE is 16 with its NUL.
        return (1...15).contains(zone.count)
            && zone.allSatisfy { byte in
                isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: ".")
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
