import Logging
import SpeemConfig
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemSessions
import SpeemStore
import Synchronization

/// Whom a device finds on the network it is in, and what it says there of itself.
final class DeviceDiscovery: Sendable {
    private let state: DeviceState
    private let discovery: Discovery?
    private let found: AsyncStream<Void>
    private let networkChanges: AsyncStream<Void>
    private let neighbours = Mutex(Neighbours())
    private let port = Mutex<UInt16>(0)

    init(_ settings: DiscoverySettings?, state: DeviceState) {
        self.state = state
        let (found, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.found = found
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        networkChanges = changes
        discovery = settings.map { settings in
            Discovery(settings: settings, logger: state.logger, networkChanged: { changed.yield() }) {
                continuation.yield()
            }
        }
    }

    /// Works until the task is cancelled.
    ///
    /// - Parameters:
    ///   - addresses: where this device listens.
    ///   - onNetworkChange: this machine has other interfaces or addresses than before.
    ///   - onFound: is told who is here that was not a moment ago.
    func run(
        listeningAt addresses: [String], onNetworkChange: @escaping @Sendable () async -> Void = {},
        onFound: @escaping @Sendable ([Neighbour]) async -> Void
    ) async {
        guard let discovery else { return }
        port.withLock { $0 = Discovery.port(of: addresses) ?? 0 }
        await refresh()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await discovery.run() }
            group.addTask { await self.follow(discovery, onFound) }
            group.addTask { for await _ in self.networkChanges { await onNetworkChange() } }
        }
    }

    private func follow(_ discovery: Discovery, _ onFound: @Sendable ([Neighbour]) async -> Void) async {
        var known: Set<[UInt8]> = []
        for await _ in found {
            let here = Set(discovery.peers.keys)
            let new = here.subtracting(known)
            known = here
            let who = neighbours.withLock { neighbours in new.compactMap { neighbours.who[$0] } }
            if !who.isEmpty { await onFound(who) }
        }
    }

    /// Looks for those who are known now, and says what they recognise this device by.
    func refresh() async {
        guard let discovery else { return }
        do {
            let (neighbours, own) = try await state.store.read { [state] connection in
                (try Neighbours.load(state: state, in: connection), try DiscoveryRows.own(in: connection))
            }
            self.neighbours.withLock { $0 = neighbours }
            discovery.recognise(neighbours.keys)
            let port = port.withLock { $0 }
            let key = own?.endpoint(state.local.keys.noise.publicKey.bytes)
            discovery.publish(port == 0 ? nil : key.map { Publication(.holders(of: $0), port: port) })
        } catch {
            state.logger.error("who can be recognised on this network cannot be read: \(error)")
        }
    }

    var nearby: NearbyAddresses { NearbyAddresses(discovery) }

    /// What a person may want to know; nil where the config says "off".
    struct Findings: Sendable {
        let peers: [(who: Neighbour, addresses: [FoundAddress])]
        let unowned: [FoundAddress]
        let strangers: Int
        let problem: DiscoveryProblem?
    }

    var findings: Findings? {
        guard let discovery else { return nil }
        let peers = discovery.peers
        return Findings(
            peers: neighbours.withLock { neighbours in
                peers.compactMap { key, addresses in neighbours.who[key].map { ($0, addresses) } }
            }, unowned: discovery.unowned, strangers: discovery.strangers, problem: discovery.problem)
    }
}
