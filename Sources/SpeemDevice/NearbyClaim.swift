public import NIOCore
import SpeemCPace
import SpeemCrypto
public import SpeemIdentity
import SpeemTransport

/// An unowned node on this network, as it was found.
public struct NearbyNode: Sendable, Hashable {
    /// An IP address; a link-local one of IPv6 with its scope.
    public let host: String
    /// Where it can be claimed.
    public let port: UInt16
    /// The interface over which it was found.
    public let interface: String

    public init(host: String, port: UInt16, interface: String) {
        self.host = host
        self.port = port
        self.interface = interface
    }

    /// "host:port"
    public var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Gets the claim invite of a node on this network, from the person's word for it: the code that the node shows.
public struct NearbyClaim: Sendable {
    /// Looks for unowned nodes.
    public typealias Find = @Sendable () async throws -> [NearbyNode]
    /// Asks the person for a line; nil when there is none.
    public typealias Ask = @Sendable (_ question: String) -> String?
    /// Tells the person something.
    public typealias Tell = @Sendable (_ line: String) -> Void

    private let group: any EventLoopGroup
    private let find: Find
    private let ask: Ask
    private let tell: Tell

    public init(group: any EventLoopGroup, find: @escaping Find, ask: @escaping Ask, tell: @escaping Tell) {
        self.group = group
        self.find = find
        self.ask = ask
        self.tell = tell
    }

    /// - Parameter address: the node's claim port, where the person knows it; else nodes are looked for.
    /// - Throws: ``DeviceError``, ``SpeemTransport/TransportError``.
    public func invite(at address: String?) async throws -> Invite {
        let place = if let address { address } else { try choose(try await find()) }
        guard let line = ask("the code that the node at \(place) shows: ") else {
            throw DeviceError.invite("there is no code on standard input", hint: "type it, or write it into a pipe")
        }
        let code: ClaimCode
        do {
            code = try ClaimCode(text: line)
        } catch {
            throw DeviceError.invite("this is not a code: \(error)", hint: "the node shows it when it starts")
        }
        do {
            return try Self.read(try await ClaimClient(group: group).fetch(from: place, code: code))
        } catch let failure as ClaimFailure {
            throw DeviceError.invite("\(failure)", hint: Self.hint(failure))
        }
    }

    /// Which of the nodes that were found.
    private func choose(_ nodes: [NearbyNode]) throws -> String {
        guard let first = nodes.first else {
            throw DeviceError.invite(
                "no node that can be claimed was found on this network",
                hint:
                    "name it with --address HOST:PORT, as it shows when it starts; or use its invite: speem accept INVITE"
            )
        }
        tell(nodes.count == 1 ? "a node can be claimed:" : "nodes that can be claimed:")
        for (index, node) in nodes.enumerated() { tell("  \(index + 1)  \(node.address)  (\(node.interface))") }
        guard nodes.count > 1 else { return first.address }
        guard let line = ask("which one, 1 to \(nodes.count)? "),
            let number = Int(line.filter { !$0.isWhitespace }), nodes.indices.contains(number - 1)
        else {
            throw DeviceError.invite("no node was chosen", hint: "answer with the number in front of it")
        }
        return nodes[number - 1].address
    }

    private static func read(_ payload: SecretBytes) throws -> Invite {
        let text = payload.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        // Whoever knows the code could hand over an invite for something else.
        guard let invite = try? Invite(text: text), invite.purpose == .claim else {
            throw DeviceError.invite("what the node handed over is no claim invite", hint: nil)
        }
        return invite
    }

    private static func hint(_ failure: ClaimFailure) -> String {
        switch failure {
        case .notOpen: "on the node: speem claim-code, or start it again; it shows the code and where to use it"
        case .busy: "look at the code that the node shows now; if it shows none, on the node: speem claim-code"
        case .wrongCode:
            "type the new one; after three wrong ones the node takes no more until speem claim-code is run on it"
        case .notANode: "compare the address with the one that the node shows"
        }
    }
}
