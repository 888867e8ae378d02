import CAvahi

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The thread that talks to avahi-daemon: the library blocks while D-Bus answers.
///
/// Everything of Avahi's is made, used and freed on it; others hand it what they want through ``DiscoveryBoard``.
final class AvahiThread {
    private let board: DiscoveryBoard
    private let settings: DiscoverySettings
    private let networkChanged: () -> Void
    private let poll: OpaquePointer
    private let events = AvahiEvents()
    private let monitor = InterfaceMonitor()
    private var session: AvahiSession?
    private var found = FoundPeers()
    /// The version of the candidates that are recognised.
    private var recognised = 0
    private var interfaces: [NetworkInterface] = []
    /// Steady seconds at which the connection to the bus is tried again, and how long after that.
    private var attempt = 0.0
    private var pause = firstPause
    /// Steady seconds at which records may be asked for again.
    private var askAgain: Double?

    private static let firstPause = 1.0
    private static let longestPause = 60.0

    private init?(board: DiscoveryBoard, settings: DiscoverySettings, networkChanged: @escaping () -> Void) {
        guard let poll = avahi_simple_poll_new() else { return nil }
        self.poll = poll
        self.board = board
        self.settings = settings
        self.networkChanged = networkChanged
    }

    deinit {
        session = nil
        avahi_simple_poll_free(poll)
    }

    /// Starts the thread; it ends when the board is closed.
    ///
    /// - Returns: false when the system refuses it.
    static func start(
        board: DiscoveryBoard, settings: DiscoverySettings, networkChanged: @escaping @Sendable () -> Void,
        ended: @escaping @Sendable () -> Void
    ) -> Bool {
        let body = ThreadBody {
            if let thread = AvahiThread(board: board, settings: settings, networkChanged: networkChanged) {
                thread.run()
            } else {
                board.report(.failed("out of memory"))
            }
            ended()
        }
        var thread = pthread_t()
        let pointer = Unmanaged.passRetained(body)
        let status = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, pointer.toOpaque())
        guard status == 0 else {
            pointer.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private final class ThreadBody {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    // MARK: The loop

    private func run() {
        let api = avahi_simple_poll_get(poll)
        let watches = [
            watch(monitor.descriptor, api) { _, _, _, pointer in AvahiThread.of(pointer)?.interfacesChanged() },
            watch(board.wakeUp.descriptor, api) { _, _, _, pointer in AvahiThread.of(pointer)?.board.wakeUp.drain() },
        ]
        interfaces = InterfaceMonitor.interfaces()
        while let wishes = board.wishes {
            if wishes.version != recognised {
                recognised = wishes.version
                found.recognise(wishes.candidates)
            }
            for event in events.take() { follow(event) }
            for address in board.takeDoubts() { found.doubt(address, now: Self.now) }
            connect(api)
            work(wishes)
            board.publish(found)
            if avahi_simple_poll_iterate(poll, timeout()) < 0, errno != EINTR { break }
        }
        session = nil
        for case let watch? in watches { api?.pointee.watch_free(watch) }
    }

    /// Milliseconds until there is something to do; -1: until something happens.
    private func timeout() -> Int32 {
        let due = [session == nil ? attempt : nil, session?.due, askAgain].compactMap(\.self).min()
        guard let due else { return -1 }
        return Int32(clamping: Int64(max(0, min(due - Self.now, 3600)) * 1000) + 1)
    }

    /// Seconds of the steady clock.
    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Watches a descriptor for something to read.
    private func watch(
        _ descriptor: Int32, _ api: UnsafePointer<AvahiPoll>?, _ callback: @escaping AvahiWatchCallback
    ) -> OpaquePointer? {
        guard descriptor >= 0, let api else { return nil }
        return api.pointee.watch_new(
            api, descriptor, AVAHI_WATCH_IN, callback, Unmanaged.passUnretained(self).toOpaque())
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> AvahiThread? {
        pointer.map { Unmanaged<AvahiThread>.fromOpaque($0).takeUnretainedValue() }
    }

    private func interfacesChanged() {
        monitor.drain()
        let now = InterfaceMonitor.interfaces()
        guard now != interfaces else { return }
        interfaces = now
        // It may have been this machine that was away.
        found.trust()
        networkChanged()
    }

    private func connect(_ api: UnsafePointer<AvahiPoll>?) {
        let now = Self.now
        guard session == nil, now >= attempt, let api else { return }
        do throws(AvahiError) {
            session = try AvahiSession(poll: api, settings: settings, events: events)
            for event in events.take() { follow(event) }
        } catch {
            fail(error)
        }
    }

    /// The connection is of no use any more: it is made anew after a while.
    private func fail(_ error: AvahiError) {
        session = nil
        _ = events.take()
        found.removeAll()
        attempt = Self.now + pause
        pause = min(pause * 2, Self.longestPause)
        board.report(error.problem)
    }

    private func follow(_ event: AvahiEvent) {
        switch event {
        case .client(AVAHI_CLIENT_FAILURE, let error): fail(AvahiError(code: error))
        case .client(let state, _):
            session?.changed(state)
            if state == AVAHI_CLIENT_CONNECTING {
                found.removeAll()
                board.report(.noDaemon)
            }
        case .browserFailed(let error): fail(AvahiError(code: error))
        case .appeared(let place):
            guard session?.names.contains(place.name) != true,
                interfaces.contains(where: { $0.index == place.interface && settings.interfaces.allows($0) })
            else { return }
            found.appeared(place)
        case .disappeared(let place):
            session?.resolved(place)
            found.disappeared(place)
        case .resolved(let place, let record, let address):
            session?.resolved(place)
            _ = found.resolved(
                place, record,
                at: FoundAddress(
                    address: address, interface: interfaceName(place.interface) ?? "?", since: Int64(time(nil))))
        case .unresolved(let place):
            session?.resolved(place)
            found.failed(place)
        case .group(let group, let state, _): session?.groupChanged(group, state, now: Self.now)
        }
    }

    private func work(_ wishes: DiscoveryBoard.Wishes) {
        guard let session, session.isRunning else {
            askAgain = nil
            return
        }
        do throws(AvahiError) {
            try session.browse()
            // Where it may not publish it may still look.
            let refusal = session.publish(
                wishes.publications, on: interfaces.filter(settings.interfaces.allows), now: Self.now)
            let next = found.next(now: Self.now)
            askAgain = next.again
            for place in next.ask { session.resolve(place) }
            pause = Self.firstPause
            board.report(refusal?.problem)
        } catch {
            fail(error)
        }
    }
}
