import NIOCore
import Synchronization

/// The open connections of a server, and how many more it takes. Asked before a connection can cost anything.
final class ConnectionPlaces: Sendable {
    /// Why a connection has no place.
    enum Refusal: Error, Equatable, CustomStringConvertible {
        case tooMany(limit: Int)
        case tooManyOfOneAddress(limit: Int)
        case stopped

        var description: String {
            switch self {
            case .tooMany(let limit): "\(limit) connections are open already"
            case .tooManyOfOneAddress(let limit): "\(limit) connections of this address are open already"
            case .stopped: "the server stops"
            }
        }
    }

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var perNetwork: [RemoteNetwork: Int] = [:]
        var isStopped = false
        var limit: Int
        var limitPerAddress: Int
    }

    private let state: Mutex<State>

    /// - Parameter perAddress: of one remote address at the most; sockets without one are not counted.
    init(_ limit: Int, perAddress: Int = .max) {
        state = Mutex(State(limit: limit, limitPerAddress: perAddress))
    }

    /// Other limits from now on; who has a place keeps it.
    func configure(_ limit: Int, perAddress: Int) {
        state.withLock { state in
            state.limit = limit
            state.limitPerAddress = perAddress
        }
    }

    /// How many are taken.
    var count: Int { state.withLock { $0.open.count } }

    /// Takes a place until the channel closes.
    func take(_ channel: any Channel) throws(Refusal) {
        let id = ObjectIdentifier(channel)
        let network = channel.remoteAddress.flatMap { RemoteNetwork($0) }
        try state.withLock { state throws(Refusal) in
            guard !state.isStopped else { throw .stopped }
            guard state.open.count < state.limit else { throw .tooMany(limit: state.limit) }
            if let network {
                guard state.perNetwork[network, default: 0] < state.limitPerAddress else {
                    throw .tooManyOfOneAddress(limit: state.limitPerAddress)
                }
                state.perNetwork[network, default: 0] += 1
            }
            state.open[id] = channel
        }
        channel.closeFuture.whenComplete { _ in self.giveBack(id, network) }
    }

    private func giveBack(_ id: ObjectIdentifier, _ network: RemoteNetwork?) {
        state.withLock { state in
            state.open[id] = nil
            guard let network, let count = state.perNetwork[network] else { return }
            state.perNetwork[network] = count > 1 ? count - 1 : nil
        }
    }

    /// Takes no further connection, and closes all.
    func stop() async {
        let open = state.withLock { state in
            state.isStopped = true
            return Array(state.open.values)
        }
        for channel in open { channel.close(promise: nil) }
        for channel in open { try? await channel.closeFuture.get() }
    }
}

/// What counts as one remote address: an IPv4 address, or the network that one IPv6 customer is given.
struct RemoteNetwork: Hashable, Sendable {
    private let bytes: [UInt8]

    /// nil for an address of another family.
    init?(_ address: SocketAddress) {
        switch address {
        // sin_addr and sin6_addr; on Linux and on Darwin they are in the same place.
        case .v4(let address): bytes = withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address):
            let all = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            if all[..<10].allSatisfy({ $0 == 0 }), all[10] == 0xff, all[11] == 0xff {
                // An IPv4 address at a socket for both (RFC 4291, section 2.5.5.2).
                bytes = Array(all[12...])
            } else if all[0] == 0xfe, all[1] & 0xc0 == 0x80 {
                // Link-local addresses share one network however many machines there are.
                bytes = all
            } else {
                bytes = Array(all[..<8])
            }
        case .unixDomainSocket: return nil
        }
    }
}
