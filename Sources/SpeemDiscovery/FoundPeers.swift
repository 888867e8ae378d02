import SpeemCrypto

/// Where a service was seen: Avahi tells services by these three.
struct ServicePlace: Sendable, Hashable {
    /// The system's number of the network interface.
    let interface: Int32
    let isIPv6: Bool
    /// Of the instance.
    let name: String
}

/// An address at which somebody was found.
public struct FoundAddress: Sendable, Hashable {
    /// "host:port"; an IPv6 host in brackets, a link-local one with its interface after "%".
    public let address: String
    /// The name of the network interface.
    public let interface: String
    /// Unix seconds.
    public let since: Int64
}

/// Who is on the network, as far as it can be recognised. Pure.
///
/// Memory and work are bounded whatever is published: so many places, so many that are asked for at once and per second, and so
/// many records of strangers that are kept for keys that come later.
struct FoundPeers: Sendable {
    /// Services that are known at once; beyond that one of a stranger is forgotten for a new one.
    static let maxPlaces = 1024
    /// Services whose records are asked for at once.
    static let maxResolving = 8
    /// Questions in a burst, and how many more each second. Eight thousand bogus records keep it busy for as long as they come,
    /// with a few per cent of a core.
    static let burst = 64
    static let perSecond = 32
    /// Times that a record that does not come is asked for.
    static let maxTries = 3

    fileprivate enum Sighting {
        case waiting(tries: Int)
        case resolving(tries: Int)
        /// The record is not ours, or never came.
        case mute
        case stranger(ServiceRecord, FoundAddress)
        case peer([UInt8], ServiceRecord, FoundAddress)
        case unowned(FoundAddress)
    }

    /// Seconds for which an address at which nobody answered is not named, the first time; it doubles.
    static let firstDoubt = 30.0
    static let longestDoubt = 3600.0

    /// An address at which nobody answered: its owner has left without a word, or the record is bait.
    private struct Doubt {
        var until: Double
        var length: Double
    }

    private var places: [ServicePlace: Sighting] = [:]
    private var doubts: [ServicePlace: Doubt] = [:]
    private var waiting: [ServicePlace] = []
    private var resolving = 0
    private var tokens = Double(Self.burst)
    /// Seconds of a steady clock.
    private var filled = 0.0
    /// By static key.
    private(set) var candidates: [[UInt8]: EndpointKey] = [:]

    // MARK: What is known

    /// The addresses of those who were recognised, by their static keys, the newest first.
    var peers: [[UInt8]: [FoundAddress]] {
        var peers: [[UInt8]: [FoundAddress]] = [:]
        for case (let place, .peer(let key, _, let address)) in places
        where doubts[place].map({ $0.until <= filled }) ?? true {
            if peers[key]?.contains(where: { $0.address == address.address }) != true {
                peers[key, default: []].append(address)
            }
        }
        return peers.mapValues { $0.sorted { ($1.since, $0.address) < ($0.since, $1.address) } }
    }

    /// Nodes that nobody owns.
    var unowned: [FoundAddress] {
        // One that is seen over IPv4 and IPv6 is one.
        var unowned: [String: FoundAddress] = [:]
        for case (let place, .unowned(let address)) in places where unowned[place.name] == nil || !place.isIPv6 {
            unowned[place.name] = address
        }
        return unowned.values.sorted { $0.address < $1.address }
    }

    /// How many others are here; one that is seen over IPv4 and IPv6 counts once.
    var strangers: Int {
        Set(places.compactMap { place, sighting in if case .stranger = sighting { place.name } else { nil } }).count
    }

    // MARK: What happens

    /// Who would be recognised: their static keys, and what their records are made with.
    mutating func recognise(_ candidates: [[UInt8]: EndpointKey]) {
        self.candidates = candidates
        for (place, sighting) in places {
            switch sighting {
            case .stranger(let record, let address): places[place] = judge(record, address)
            case .peer(_, let record, let address): places[place] = judge(record, address)
            case .waiting, .resolving, .mute, .unowned: break
            }
        }
    }

    private func judge(_ record: ServiceRecord, _ address: FoundAddress) -> Sighting {
        if let key = candidates.first(where: { record.isOf($0.value) })?.key { return .peer(key, record, address) }
        return .stranger(record, address)
    }

    /// A service was announced.
    mutating func appeared(_ place: ServicePlace) {
        guard places[place] == nil, InstanceName.isOurs(place.name) else { return }
        if places.count >= Self.maxPlaces {
            // The order of a dictionary is another one in every process: nobody can choose who is forgotten.
            guard let forgotten = places.first(where: { $0.value.isWorthless })?.key else { return }
            remove(forgotten)
        }
        places[place] = .waiting(tries: 0)
        waiting.append(place)
    }

    /// - Returns: whether somebody is gone with it who had been recognised.
    @discardableResult
    mutating func disappeared(_ place: ServicePlace) -> Bool { remove(place) }

    /// Nobody answered at the address of somebody who was recognised: it is not named for a while.
    mutating func doubt(_ address: String, now: Double) {
        for case (let place, .peer(_, _, let found)) in places where found.address == address {
            let length = doubts[place].map { min($0.length * 2, Self.longestDoubt) } ?? Self.firstDoubt
            doubts[place] = Doubt(until: now + length, length: length)
        }
    }

    /// Everybody is worth another try.
    mutating func trust() { doubts = [:] }

    @discardableResult
    private mutating func remove(_ place: ServicePlace) -> Bool {
        doubts[place] = nil
        switch places.removeValue(forKey: place) {
        case .resolving: resolving -= 1
        case .waiting: waiting.removeAll { $0 == place }
        case .peer, .unowned: return true
        case .mute, .stranger, nil: break
        }
        return false
    }

    /// The services whose records are to be asked for now, and when to look again, in seconds of the steady clock.
    mutating func next(now: Double) -> (ask: [ServicePlace], again: Double?) {
        tokens = min(Double(Self.burst), tokens + max(0, now - filled) * Double(Self.perSecond))
        filled = now
        var ask: [ServicePlace] = []
        while resolving < Self.maxResolving, tokens >= 1, let place = waiting.first {
            waiting.removeFirst()
            guard case .waiting(let tries) = places[place] else { continue }
            places[place] = .resolving(tries: tries + 1)
            resolving += 1
            tokens -= 1
            ask.append(place)
        }
        let isOutOfTokens = !waiting.isEmpty && resolving < Self.maxResolving
        let moments = [
            isOutOfTokens ? now + (1 - tokens) / Double(Self.perSecond) : nil,
            doubts.values.map(\.until).filter { $0 > now }.min(),
        ]
        return (ask, moments.compactMap(\.self).min())
    }

    /// A record has come.
    ///
    /// - Returns: whether somebody is recognised by it.
    mutating func resolved(_ place: ServicePlace, _ record: ServiceRecord?, at address: FoundAddress) -> Bool {
        guard case .resolving = places[place] else { return false }
        resolving -= 1
        switch record {
        case nil: places[place] = .mute
        case .unowned: places[place] = .unowned(address)
        case .peer(let nonce, let tag): places[place] = judge(.peer(nonce: nonce, tag: tag), address)
        }
        switch places[place] {
        case .peer, .unowned: return true
        case .waiting, .resolving, .mute, .stranger, nil: return false
        }
    }

    /// A record has not come: it is asked for again after the others, a few times.
    mutating func failed(_ place: ServicePlace) {
        guard case .resolving(let tries) = places[place] else { return }
        resolving -= 1
        if tries < Self.maxTries {
            places[place] = .waiting(tries: tries)
            waiting.append(place)
        } else {
            places[place] = .mute
        }
    }

    /// Nothing is known any more: avahi-daemon is gone.
    mutating func removeAll() {
        places = [:]
        doubts = [:]
        waiting = []
        resolving = 0
    }
}

extension FoundPeers.Sighting {
    /// Whether it may be forgotten for a new one.
    fileprivate var isWorthless: Bool {
        switch self {
        case .waiting, .mute, .stranger: true
        case .resolving, .peer, .unowned: false
        }
    }
}
