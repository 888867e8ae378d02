import NIOCore

/// The networks that this machine is on: whoever has an address in one of them is reached without a router.
struct LocalNetworks {
    /// An address of this machine, and which of its bits name the network.
    struct Network {
        let address: [UInt8]
        let mask: [UInt8]

        func contains(_ other: [UInt8]) -> Bool {
            guard other.count == address.count, mask.count == address.count, mask.contains(where: { $0 != 0 }) else {
                return false
            }
            return zip(zip(address, other), mask).allSatisfy { pair, mask in pair.0 & mask == pair.1 & mask }
        }
    }

    let networks: [Network]

    /// As they are now.
    static func current() -> LocalNetworks {
        let devices = (try? System.enumerateDevices()) ?? []
        return LocalNetworks(
            networks: devices.compactMap { device in
                guard let address = device.address?.ipBytes, let mask = device.netmask?.ipBytes else { return nil }
                return Network(address: address, mask: mask)
            })
    }

    func contains(_ address: SocketAddress) -> Bool {
        guard let bytes = address.ipBytes else { return false }
        return contains(bytes)
    }

    /// - Parameter address: 4 or 16 bytes; an IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2) is that IPv4 address.
    func contains(_ address: [UInt8]) -> Bool {
        let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        let address = address.count == 16 && address.starts(with: mapped) ? Array(address[12...]) : address
        // Routers pass no link-local addresses on (RFC 3927, section 2.6.2; RFC 4291, section 2.5.6).
        if address.count == 4, address.starts(with: [169, 254]) { return true }
        if address.count == 16, address[0] == 0xfe, address[1] & 0xc0 == 0x80 { return true }
        return networks.contains { $0.contains(address) }
    }
}
