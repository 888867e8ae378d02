/// Which connections to far nodes are open, at most one for each route, and which of them may go. Pure.
struct FarConnections<Connection: Sendable>: Sendable {
    struct Entry: Sendable {
        /// Tells it from an earlier one of the same route.
        let number: UInt64
        let hop: Int64
        let connection: Connection
        var isBusy = true
        /// Something waits for the far node's word that there is room.
        var holds = false
        /// Seconds of running.
        var idleSince: Int64 = 0
    }

    private let limit: Int
    private let idle: Int64
    private var entries: [[UInt8]: Entry] = [:]
    private var count: UInt64 = 0

    /// - Parameters:
    ///   - limit: how many may be open; above the number of those that can be busy at once.
    ///   - idle: seconds after which one that nobody needs is closed.
    init(limit: Int, idle: Int64) {
        self.limit = limit
        self.idle = idle
    }

    /// The connection of a route, for a try.
    mutating func take(_ route: [UInt8]) -> Entry? {
        entries[route]?.isBusy = true
        return entries[route]
    }

    /// A new connection, for a try.
    ///
    /// - Returns: it, and what is to be closed for it with its route: the one that went longest without a try, rather one that
    ///   waits for nothing.
    mutating func add(_ connection: Connection, route: [UInt8], hop: Int64) -> (new: Entry, old: [[UInt8]: Entry]) {
        var old: [[UInt8]: Entry] = [:]
        if let before = entries.removeValue(forKey: route) { old[route] = before }
        while entries.count >= limit,
            let oldest = entries.filter({ !$0.value.isBusy }).min(by: { Self.goes($0.value, before: $1.value) })
        {
            old[oldest.key] = entries.removeValue(forKey: oldest.key)
        }
        count += 1
        let new = Entry(number: count, hop: hop, connection: connection)
        entries[route] = new
        return (new, old)
    }

    private static func goes(_ one: Entry, before other: Entry) -> Bool {
        if one.holds != other.holds { return other.holds }
        return one.idleSince == other.idleSince ? one.number < other.number : one.idleSince < other.idleSince
    }

    /// The try is over.
    mutating func rest(_ route: [UInt8], holds: Bool, now: Int64) {
        entries[route]?.isBusy = false
        entries[route]?.holds = holds
        entries[route]?.idleSince = now
    }

    /// Takes the connection of a route out.
    ///
    /// - Parameter number: only this one.
    mutating func remove(_ route: [UInt8], number: UInt64? = nil) -> Entry? {
        guard let entry = entries[route], number == nil || entry.number == number else { return nil }
        return entries.removeValue(forKey: route)
    }

    /// Whether the connection of a route is in use by a try.
    func isBusy(_ route: [UInt8]) -> Bool { entries[route]?.isBusy ?? false }

    /// Routes whose connection stays open for the far node's word.
    var holding: [[UInt8]] { entries.filter { !$0.value.isBusy && $0.value.holds }.map(\.key) }

    /// Takes out those that have been idle for too long.
    mutating func removeIdle(now: Int64) -> [Connection] {
        let over = entries.filter { _, entry in Self.mayGo(entry) && now - entry.idleSince >= idle }
        for route in over.keys { entries[route] = nil }
        return over.values.map(\.connection)
    }

    /// Seconds of running at which the next one will have been idle for too long.
    var nextIdle: Int64? { entries.values.filter { Self.mayGo($0) }.map(\.idleSince).min().map { $0 + idle } }

    private static func mayGo(_ entry: Entry) -> Bool { !entry.isBusy && !entry.holds }

    mutating func removeAll() -> [Connection] {
        defer { entries = [:] }
        return entries.values.map(\.connection)
    }
}
