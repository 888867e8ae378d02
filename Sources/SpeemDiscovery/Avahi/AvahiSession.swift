import CAvahi

/// A connection to avahi-daemon, and everything that hangs on it. Used on Avahi's thread only.
final class AvahiSession {
    private let client: OpaquePointer
    private let settings: DiscoverySettings
    private let events: AvahiEvents
    private var browser: OpaquePointer?
    private var resolvers: [ServicePlace: OpaquePointer] = [:]
    private let publisher: AvahiPublisher
    /// avahi-daemon is there, and has a host name.
    private(set) var isRunning = false

    /// Connects to the bus; avahi-daemon itself may come later.
    ///
    /// - Throws: Avahi's error.
    init(
        poll: UnsafePointer<AvahiPoll>, settings: DiscoverySettings, events: AvahiEvents
    ) throws(AvahiError) {
        var error: Int32 = 0
        guard let client = avahi_client_new(poll, AVAHI_CLIENT_NO_FAIL, AvahiCallbacks.client, events.pointer, &error)
        else { throw AvahiError(code: error, isOfTheBus: true) }
        self.client = client
        self.settings = settings
        self.events = events
        publisher = AvahiPublisher(settings: settings)
    }

    deinit {
        // Browsers, resolvers and groups go with it.
        avahi_client_free(client)
    }

    /// What has to be done at a time of the steady clock.
    var due: Double? { isRunning ? publisher.due : nil }
    var names: Set<String> { publisher.names }

    /// avahi-daemon has come, or gone, or looks for another host name.
    func changed(_ state: AvahiClientState) {
        let running = state == AVAHI_CLIENT_S_RUNNING
        guard running != isRunning else { return }
        isRunning = running
        // While the daemon registers its host name, and when it is gone, what it knew of us is void.
        publisher.forget(free: true)
        if !running { stopBrowsing() }
    }

    private func stopBrowsing() {
        for resolver in resolvers.values { avahi_service_resolver_free(resolver) }
        resolvers = [:]
        if let browser { avahi_service_browser_free(browser) }
        browser = nil
    }

    /// Begins to look for services.
    func browse() throws(AvahiError) {
        guard isRunning, browser == nil else { return }
        browser = avahi_service_browser_new(
            client, AvahiIfIndex(AVAHI_IF_UNSPEC), settings.avahiProtocol, ServiceRecord.type, ServiceRecord.domain,
            AVAHI_LOOKUP_USE_MULTICAST,
            AvahiCallbacks.browser, events.pointer)
        if browser == nil { throw AvahiError(code: avahi_client_errno(client)) }
    }

    /// Asks for a service's record: the answer is an event.
    func resolve(_ place: ServicePlace) {
        let proto = AvahiProtocol(place.isIPv6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET)
        guard isRunning, resolvers[place] == nil,
            let resolver = avahi_service_resolver_new(
                client, place.interface, proto, place.name, ServiceRecord.type, ServiceRecord.domain, proto,
                AVAHI_LOOKUP_USE_MULTICAST, AvahiCallbacks.resolver, events.pointer)
        else { return events.append(.unresolved(place)) }
        resolvers[place] = resolver
    }

    /// A record has come, or will not: nothing more is asked.
    func resolved(_ place: ServicePlace) {
        if let resolver = resolvers.removeValue(forKey: place) { avahi_service_resolver_free(resolver) }
    }

    /// - Returns: why it is refused, which is tried again later.
    func publish(_ publications: [Publication], on interfaces: [NetworkInterface], now: Double) -> AvahiError? {
        guard isRunning,
            let error = publisher.update(
                publications, interfaces: interfaces, client: client, events: events, now: now),
            // It has not heard of the interface yet.
            error != Int32(AVAHI_ERR_INVALID_INTERFACE), error != Int32(AVAHI_ERR_NO_NETWORK)
        else { return nil }
        return AvahiError(code: error)
    }

    func groupChanged(_ group: OpaquePointer, _ state: AvahiEntryGroupState, now: Double) {
        publisher.changed(group, state, now: now)
    }
}

/// An error of Avahi's.
struct AvahiError: Error, Equatable {
    let code: Int32
    /// The bus itself could not be reached: a missing daemon would have been waited for.
    var isOfTheBus = false

    var words: String { avahi_strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)" }

    var problem: DiscoveryProblem {
        if isOfTheBus { return .noSystemBus }
        return switch Int(code) {
        case AVAHI_ERR_DBUS_ERROR, AVAHI_ERR_NO_MEMORY: .noSystemBus
        case AVAHI_ERR_NO_DAEMON, AVAHI_ERR_DISCONNECTED: .noDaemon
        case AVAHI_ERR_ACCESS_DENIED, AVAHI_ERR_NOT_PERMITTED, AVAHI_ERR_TOO_MANY_CLIENTS, AVAHI_ERR_TOO_MANY_OBJECTS,
            AVAHI_ERR_TOO_MANY_ENTRIES:
            .refused(words)
        default: .failed(words)
        }
    }
}

extension DiscoverySettings {
    /// The protocols that records travel over.
    var avahiProtocol: AvahiProtocol {
        if ipv4 == ipv6 { return AvahiProtocol(AVAHI_PROTO_UNSPEC) }
        return AvahiProtocol(ipv4 ? AVAHI_PROTO_INET : AVAHI_PROTO_INET6)
    }
}
