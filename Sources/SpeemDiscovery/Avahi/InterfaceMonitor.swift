import CStaticShims

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The machine's network interfaces, and a descriptor that becomes readable when something about them changes (netlink(7),
/// NETLINK_ROUTE).
struct InterfaceMonitor: ~Copyable {
    /// To poll; -1 where the system has none, and changes are not heard of.
    let descriptor: Int32

    init() { descriptor = speem_watch_interfaces() }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Reads what has been heard and throws it away: the list is read anew.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 8192)
        while descriptor >= 0, read(descriptor, &buffer, buffer.count) > 0 {}
    }

    /// All interfaces, by their number.
    static func interfaces() -> [NetworkInterface] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [String: (flags: UInt32, addresses: [String])] = [:]
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let name = entry.ifa_name else { continue }
            found[String(cString: name), default: (0, [])].flags |= entry.ifa_flags
            guard let address = entry.ifa_addr, let text = text(of: address) else { continue }
            found[String(cString: name)]?.addresses.append(text)
        }
        return found.compactMap { name, found -> NetworkInterface? in
            let index = Int32(clamping: if_nametoindex(name))
            guard index > 0 else { return nil }
            return NetworkInterface(
                index: index, name: name, isUp: has(found.flags, IFF_UP) && has(found.flags, IFF_RUNNING),
                isLoopback: has(found.flags, IFF_LOOPBACK), canMulticast: has(found.flags, IFF_MULTICAST),
                addresses: found.addresses.sorted())
        }.sorted { $0.index < $1.index }
    }

    private static func has(_ flags: UInt32, _ flag: Int) -> Bool {
        flags & UInt32(clamping: flag) != 0
    }

    private static func text(of address: UnsafePointer<sockaddr>) -> String? {
        let length: socklen_t
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = socklen_t(MemoryLayout<sockaddr_in>.size)
        case AF_INET6: length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        default: return nil
        }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension NetworkInterface {
    /// Those of this machine, by their number.
    public static var all: [NetworkInterface] { InterfaceMonitor.interfaces() }
}

/// The name of an interface by its number; nil when it is gone.
func interfaceName(_ index: Int32) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(IF_NAMESIZE) + 1)
    guard index > 0, if_indextoname(UInt32(index), &buffer) != nil else { return nil }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
