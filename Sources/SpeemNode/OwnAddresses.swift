import NIOCore
import SpeemIdentity

/// Where others find this node, when the configuration does not say.
enum OwnAddresses {
    /// The machine's own addresses for a socket bound to `bound` ("host:port"): that address, or for a wildcard every
    /// one that others can reach; the loopback address when there is none.
    static func list(bound: [String]) -> [String] {
        var result: [String] = []
        for address in bound {
            guard let colon = address.lastIndex(of: ":") else { continue }
            let host = String(address[..<colon])
            let port = String(address[address.index(after: colon)...])
            guard host == "0.0.0.0" || host == "[::]" else {
                result.append(address)
                continue
            }
            let devices = (try? System.enumerateDevices()) ?? []
            let own = devices.compactMap(\.address).compactMap { reachable($0, wildcard: host) }
            result += (own.isEmpty ? [host == "[::]" ? "[::1]" : "127.0.0.1"] : own).map { "\($0):\(port)" }
        }
        var seen = Set<String>()
        return Array(result.filter { seen.insert($0).inserted }.prefix(NodeEntry.maxAddresses))
    }

    private static func reachable(_ address: SocketAddress, wildcard: String) -> String? {
        guard let text = address.ipAddress else { return nil }
        switch address {
        case .v4: return text.hasPrefix("127.") || text.hasPrefix("169.254.") ? nil : text
        // A link-local address needs the name of an interface, which is another one on the other machine.
        case .v6: return wildcard != "[::]" || text == "::1" || text.hasPrefix("fe80") ? nil : "[\(text)]"
        case .unixDomainSocket: return nil
        }
    }
}
