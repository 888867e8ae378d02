import CAvahi
import SpeemCrypto

/// What this process has published, an entry group for each interface. Used on Avahi's thread only.
final class AvahiPublisher {
    private struct Group {
        let group: OpaquePointer
        let interface: NetworkInterface
        let publication: Publication
        let name: String
        let due: Double
    }

    private let settings: DiscoverySettings
    private let random = SystemRandomSource()
    private var groups: [Int32: Group] = [:]
    /// When interfaces that were not taken are tried again: avahi-daemon hears of a new one later than this process.
    private var retry: Double?
    private var patience = firstPatience
    private static let firstPatience: Double = 2
    private static let longestPatience: Double = 60
    private var known: [NetworkInterface] = []
    /// What the last try was refused with; it stays until the next one.
    private var refusal: Int32?

    init(settings: DiscoverySettings) { self.settings = settings }

    /// The steady clock's time at which ``update(_:interfaces:client:events:now:)`` has something to do.
    var due: Double? { (groups.values.map(\.due) + [retry].compactMap(\.self)).min() }

    /// Names of instances that are this process's own.
    var names: Set<String> { Set(groups.values.map(\.name)) }

    /// Publishes what is missing, old, or said something else, and takes back what is over.
    ///
    /// - Returns: Avahi's error when something was refused.
    func update(
        _ publications: [Publication], interfaces: [NetworkInterface], client: OpaquePointer, events: AvahiEvents,
        now: Double
    ) -> Int32? {
        let wanted = publications.first
        for (index, group) in groups {
            guard wanted != group.publication || now >= group.due || !interfaces.contains(group.interface) else {
                continue
            }
            avahi_entry_group_free(group.group)
            groups[index] = nil
        }
        guard let wanted else { return nil }
        // Where a new one may do what the others do not, it is not waited for.
        if interfaces == known, let retry, now < retry { return refusal }
        known = interfaces
        retry = nil
        refusal = nil
        for interface in interfaces where groups[interface.index] == nil {
            guard let error = publish(wanted, on: interface, client: client, events: events, now: now) else { continue }
            refusal = error
            retry = now + patience
        }
        patience = refusal == nil ? Self.firstPatience : min(patience * 2, Self.longestPatience)
        return refusal
    }

    private func publish(
        _ publication: Publication, on interface: NetworkInterface, client: OpaquePointer, events: AvahiEvents,
        now: Double
    ) -> Int32? {
        guard let group = avahi_entry_group_new(client, AvahiCallbacks.group, events.pointer) else {
            return avahi_client_errno(client)
        }
        let name = InstanceName.random(random)
        var txt: UnsafeMutablePointer<AvahiStringList>?
        for string in publication.record(random: random).strings.reversed() { txt = avahi_string_list_add(txt, string) }
        defer { avahi_string_list_free(txt) }
        // Without the cookie, which is the same for as long as avahi-daemon runs.
        var error = avahi_entry_group_add_service_strlst(
            group, interface.index, settings.avahiProtocol, AVAHI_PUBLISH_NO_COOKIE, name, ServiceRecord.type, nil, nil,
            publication.port, txt)
        if error >= 0 { error = avahi_entry_group_commit(group) }
        guard error >= 0 else {
            avahi_entry_group_free(group)
            return error
        }
        groups[interface.index] = Group(
            group: group, interface: interface, publication: publication, name: name, due: now + Publication.lifetime)
        return nil
    }

    /// A group has another state: after a collision of names, or a failure, it is made anew with another name.
    func changed(_ group: OpaquePointer, _ state: AvahiEntryGroupState, now: Double) {
        guard state == AVAHI_ENTRY_GROUP_COLLISION || state == AVAHI_ENTRY_GROUP_FAILURE,
            let (index, known) = groups.first(where: { $0.value.group == group })
        else { return }
        avahi_entry_group_free(known.group)
        groups[index] = nil
        retry = now + (state == AVAHI_ENTRY_GROUP_COLLISION ? 0 : patience)
    }

    /// The client is about to be freed, and all of its groups with it; or avahi-daemon has forgotten them.
    func forget(free: Bool) {
        if free { for group in groups.values { avahi_entry_group_free(group.group) } }
        groups = [:]
        retry = nil
        refusal = nil
    }
}
