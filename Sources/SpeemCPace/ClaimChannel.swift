import SpeemCrypto

/// The connection over which a node is claimed, as both of its ends see it: CPace's channel identifier.
///
/// A relay has an address of its own at one end, so the two ends name different channels and no key is agreed on. (On
/// one link nothing translates addresses.)
public struct ClaimChannel: Sendable, Equatable {
    /// An end of a TCP connection.
    public struct Endpoint: Sendable, Equatable {
        /// 4 bytes of IPv4 or 16 of IPv6, without a scope: each machine numbers its interfaces for itself.
        let address: [UInt8]
        let port: UInt16

        /// An IPv4 address in the IPv6 form of a socket for both (RFC 4291, section 2.5.5.2) is that IPv4 address.
        ///
        /// - Precondition: `address` has 4 or 16 bytes.
        public init(address: [UInt8], port: UInt16) {
            precondition(address.count == 4 || address.count == 16, "an IP address has 4 or 16 bytes")
            let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
            self.address = address.count == 16 && address.starts(with: mapped) ? Array(address[12...]) : address
            self.port = port
        }

        var encoded: [UInt8] { CPace.lengthValues(address, BigEndian.bytes(port)) }
    }

    public let device: Endpoint
    public let node: Endpoint

    public init(device: Endpoint, node: Endpoint) {
        self.device = device
        self.node = node
    }

    /// The role and the address of each end, the initiator's first (draft-irtf-cfrg-cpace-21, section 10.1.1).
    var identifier: [UInt8] {
        CPace.lengthValues(ClaimRole.device.name, device.encoded, ClaimRole.node.name, node.encoded)
    }
}

/// Who is who: the initiator is the device, the responder the node. Nobody ever plays the other part.
enum ClaimRole {
    case device
    case node

    /// What this role is called in the channel identifier, and what it says beside its share (ADa, ADb).
    var name: [UInt8] {
        switch self {
        case .device: DomainSeparator("claim device").bytes
        case .node: DomainSeparator("claim node").bytes
        }
    }
}
