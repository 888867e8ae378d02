import SpeemCrypto
import SpeemSessions
import SpeemStore
import SpeemTransport

/// Texts: sent, listed, followed.
///
/// Listings come in pages, each with the numbers of its messages and `more`. What was received counts as read only when
/// the caller says that it has shown it, in its next call.
extension DeviceControl {
    func send(_ parameters: JSON) async throws -> JSON {
        guard let text = parameters["text"]?.stringValue else {
            throw ControlError.invalidParameters("send takes a text")
        }
        let contact = try await contact(parameters)
        guard !contact.isBlocked else { throw DeviceError.contactBlocked(contact.name) }
        let outgoing = OutgoingMail(state: device.state)
        let now = device.clock.milliseconds()
        // From here on the message is on this disk, whatever happens to the network.
        let id = try await device.state.store.write { connection in
            try outgoing.queueText(text, to: contact, now: now, in: connection)
        }
        device.news.notify()
        let device = device
        // Without a daemon nobody else brings the copies for the other own devices.
        let own = isDaemon ? nil : try await device.state.store.read { try ContactRows.own(in: $0).id }
        async let copies: Void? = Deadline.wait(Self.patience) {
            if let own { _ = try? await device.courier.deliver(to: own) }
        }
        let outcome = await Deadline.wait(Self.patience) { try? await device.courier.deliver(to: contact.id) } ?? nil
        _ = await copies
        device.work.notify()
        var state = try await device.state.store.read { try MessageRows.state(of: id, in: $0) } ?? .waiting
        if state == .queued { state = try await afterQueued(id) }
        var result: [String: JSON] = [
            "contact": .string(contact.name), "id": .string(Hex.encode(id.bytes)), "state": .string(state.word),
        ]
        if state == .waiting {
            // A removed device is let in nowhere, and hears least from its contacts' nodes.
            let stranger = await device.connections.unknownTo.map { "\(DeviceError.unknownToNode($0))" }
            result["reason"] = .string(stranger ?? outcome?.reason ?? "the node has not answered yet")
        }
        return .object(result)
    }

    /// How long "queued" is waited with, because "stored" often comes at once.
    private static let forwardPatience: Duration = .seconds(2)

    /// How far a message has come a moment after an own node had it.
    private func afterQueued(_ id: MessageID) async throws -> MessageState {
        let device = device
        // Before the look: what comes meanwhile is not missed.
        let news = device.news.subscribe()
        @Sendable func current() async -> MessageState {
            (try? await device.state.store.read { try MessageRows.state(of: id, in: $0) }) ?? .queued
        }
        let isDaemon = isDaemon
        let state = await Deadline.wait(Self.forwardPatience) {
            if isDaemon {
                var state = await current()
                guard state == .queued else { return state }
                for await _ in news {
                    state = await current()
                    guard state == .queued else { break }
                }
                return state
            }
            // Nobody listens to the node's reports.
            var pause: Duration = .milliseconds(10)
            while !Task.isCancelled {
                _ = try? await device.reports.fetch(over: try await device.connections.own())
                let state = await current()
                guard state == .queued else { return state }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(500))
            }
            return .queued
        }
        return state ?? .queued
    }

    /// Received messages behind the number `after`. `read`: the caller has shown everything up to this number.
    func inbox(_ parameters: JSON) async throws -> JSON {
        let after = parameters["after"]?.integerValue
        let read = parameters["read"]?.integerValue
        if let read {
            try await device.markRead(upTo: read)
            // Own devices, and contacts who may know, hear of it now: nobody knows when the next command comes.
            let device = device
            if !isDaemon { _ = await Deadline.wait(Self.forwardPatience) { await device.deliverAll() } }
        }
        // Once for a listing, before its first page.
        let problem = after == nil && read == nil ? await syncIfAlone() : nil
        let unreadOnly = !(parameters["all"]?.boolValue ?? false)
        let page = try await device.state.store.read {
            try MessageRows.received(after: after ?? 0, unreadOnly: unreadOnly, in: $0)
        }
        return listing(page, problem: problem)
    }

    /// The newest sent messages, or those before the number `before`; in a page the oldest comes first.
    func sent(_ parameters: JSON) async throws -> JSON {
        let before = parameters["before"]?.integerValue
        let problem = before == nil ? await syncIfAlone() : nil
        let contact = parameters["contact"]?.stringValue == nil ? nil : try await contact(parameters).id
        let page = try await device.state.store.read {
            try MessageRows.sent(contact: contact, before: before ?? .max, in: $0)
        }
        return listing(page, problem: problem)
    }

    private func listing(_ page: MessageRows.Page, problem: String?) -> JSON {
        var result: [String: JSON] = [
            "messages": .array(page.messages.map(\.json)), "more": .bool(page.hasMore),
        ]
        if let problem { result["problem"] = .string(problem) }
        return .object(result)
    }

    /// Sends every unread message, and every one that comes, as notifications, until the caller goes. Without a daemon
    /// this process does a daemon's work meanwhile.
    func follow(_ session: ControlSession) async throws -> JSON {
        guard !isDaemon else { return try await report(session) }
        let device = device
        return try await withThrowingTaskGroup(of: JSON.self) { group in
            group.addTask {
                await BackgroundWork(device: device).run()
                return .null
            }
            group.addTask { try await report(session) }
            defer { group.cancelAll() }
            return try await group.next() ?? .null
        }
    }

    private func report(_ session: ControlSession) async throws -> JSON {
        // Before the first look: what comes meanwhile is not missed.
        let stream = device.news.subscribe()
        var last: Int64 = 0
        func reportAll() async throws {
            var hasMore = true
            while hasMore {
                let after = last
                let page = try await device.state.store.read {
                    try MessageRows.received(after: after, unreadOnly: true, in: $0)
                }
                for message in page.messages { try await session.notify("message", message.json) }
                hasMore = page.hasMore
                guard let newest = page.messages.last?.number else { return }
                last = newest
                // After they were written: a caller that is gone gets them again.
                try await device.markRead(upTo: newest)
            }
        }
        try await reportAll()
        for await _ in stream { try await reportAll() }
        return .null
    }
}

extension Message {
    var json: JSON {
        var members: [String: JSON] = [
            "contact": .string(contact), "id": .string(Hex.encode(id)), "text": .string(text),
            "sent_ms": .integer(sent), "state": .string(state.word), "number": .integer(number),
        ]
        if let failure, state != .delivered { members["failure"] = .string(failure) }
        return .object(members)
    }
}
