import CAvahi

/// What Avahi's callbacks report: they only write it down, and what follows is done outside of them, where objects may be
/// freed.
enum AvahiEvent {
    case client(AvahiClientState, error: Int32)
    case browserFailed(error: Int32)
    case appeared(ServicePlace)
    case disappeared(ServicePlace)
    /// record: nil for one that is not ours.
    case resolved(ServicePlace, ServiceRecord?, address: String)
    case unresolved(ServicePlace)
    /// Of the publication on an interface.
    case group(OpaquePointer, AvahiEntryGroupState, error: Int32)
}

/// The list that the callbacks write to. Used on Avahi's thread only.
final class AvahiEvents {
    private var events: [AvahiEvent] = []

    func append(_ event: AvahiEvent) { events.append(event) }

    func take() -> [AvahiEvent] {
        defer { events = [] }
        return events
    }

    /// For a callback's user data: valid for as long as this object lives, which is longer than any object of Avahi's.
    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    static func of(_ pointer: UnsafeMutableRawPointer?) -> AvahiEvents? {
        pointer.map { Unmanaged<AvahiEvents>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// The callbacks.
enum AvahiCallbacks {
    static let client: AvahiClientCallback = { client, state, pointer in
        // In the first call, before `avahi_client_new` has returned, there is nothing to ask for an error yet.
        let error = state == AVAHI_CLIENT_FAILURE ? client.map { avahi_client_errno($0) } ?? 0 : 0
        AvahiEvents.of(pointer)?.append(.client(state, error: error))
    }

    static let browser: AvahiServiceBrowserCallback = { browser, interface, proto, event, name, _, _, flags, pointer in
        guard let events = AvahiEvents.of(pointer) else { return }
        switch event {
        case AVAHI_BROWSER_NEW, AVAHI_BROWSER_REMOVE:
            // What this process has published itself.
            guard flags.rawValue & AVAHI_LOOKUP_RESULT_OUR_OWN.rawValue == 0, let name,
                let text = String(validatingCString: name)
            else { return }
            let place = ServicePlace(
                interface: interface, isIPv6: proto == AvahiProtocol(AVAHI_PROTO_INET6), name: text)
            events.append(event == AVAHI_BROWSER_NEW ? .appeared(place) : .disappeared(place))
        case AVAHI_BROWSER_FAILURE:
            let client = browser.flatMap { avahi_service_browser_get_client($0) }
            events.append(.browserFailed(error: client.map { avahi_client_errno($0) } ?? 0))
        default: break
        }
    }

    static let resolver: AvahiServiceResolverCallback = {
        _, interface, proto, event, name, _, _, _, address, port, txt, _, pointer in
        guard let events = AvahiEvents.of(pointer), let name, let text = String(validatingCString: name) else { return }
        let place = ServicePlace(interface: interface, isIPv6: proto == AvahiProtocol(AVAHI_PROTO_INET6), name: text)
        guard event == AVAHI_RESOLVER_FOUND, let address, let host = AvahiCallbacks.text(of: address, on: interface),
            port > 0
        else {
            events.append(.unresolved(place))
            return
        }
        let record = ServiceRecord(strings: AvahiCallbacks.strings(of: txt))
        events.append(.resolved(place, record, address: "\(host):\(port)"))
    }

    static let group: AvahiEntryGroupCallback = { group, state, pointer in
        guard let group else { return }
        let client = avahi_entry_group_get_client(group)
        let error = state == AVAHI_ENTRY_GROUP_FAILURE ? client.map { avahi_client_errno($0) } ?? 0 : 0
        AvahiEvents.of(pointer)?.append(.group(group, state, error: error))
    }

    /// The host part of an address: in brackets for IPv6, with the interface for a link-local one (RFC 4007, section 11).
    private static func text(of address: UnsafePointer<AvahiAddress>, on interface: AvahiIfIndex) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        guard avahi_address_snprint(&buffer, buffer.count, address) != nil else { return nil }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard address.pointee.proto == AvahiProtocol(AVAHI_PROTO_INET6) else { return text }
        guard isLinkLocal(address.pointee.data.ipv6) else { return "[\(text)]" }
        return interfaceName(interface).map { "[\(text)%\($0)]" }
    }

    private static func isLinkLocal(_ address: AvahiIPv6Address) -> Bool {
        address.address.0 == 0xfe && address.address.1 & 0xc0 == 0x80
    }

    /// More strings than a record of ours has are not copied.
    private static func strings(of txt: UnsafeMutablePointer<AvahiStringList>?) -> [[UInt8]] {
        var strings: [[UInt8]] = []
        var next = txt
        while let item = next, strings.count <= ServiceRecord.maxStrings {
            let size = min(avahi_string_list_get_size(item), ServiceRecord.maxStringBytes + 1)
            if let text = avahi_string_list_get_text(item) {
                strings.append(Array(UnsafeBufferPointer(start: text, count: size)))
            }
            next = avahi_string_list_get_next(item)
        }
        return strings
    }
}
