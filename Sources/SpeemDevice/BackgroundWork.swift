import Logging
import SpeemProtocol
import SpeemTransport

/// What a device does of its own accord: it stays connected to its node, reads what is pushed, sends what waits, and
/// brings prekeys.
struct BackgroundWork: Sendable {
    let device: Device
    let poll: Duration

    private var logger: Logger { device.state.logger }

    /// The first wait after a failure; it doubles up to the configuration's `poll`.
    private static let firstRetry: Duration = .seconds(1)
    /// How often prekeys and stuck work are looked at without an occasion.
    private static let checkInterval: Duration = .seconds(3600)

    /// Until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await readMail() }
            group.addTask { await send() }
            group.addTask { await supplyPrekeys() }
        }
    }

    // MARK: Reading

    private func readMail() async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            let claimed = device.claimed.subscribe()
            do {
                let connection = try await device.reader.drain(subscribe: true).connection
                retry = Self.firstRetry
                logger.info("connected to the own node")
                device.supplyIsDue.notify()
                // Where the own node can be reached others may be, too.
                device.retryAll.notify()
                device.work.notify()
                try await read(connection)
                logger.info("the connection to the own node was lost")
            } catch {
                logger.debug("no mail: \(error)")
            }
            // A claim may have given the device a node: do not sleep through it.
            await Self.sleep(retry, orUntil: claimed)
            retry = min(retry * 2, poll)
        }
    }

    /// Takes what is pushed, as much at once as has come. While the store is busy the rest waits in the connection, which
    /// bounds it.
    private func read(_ connection: ClientConnection) async throws {
        var pushes = connection.pushes.makeAsyncIterator()
        while let batch = await pushes.nextBatch() {
            let envelopes = batch.compactMap { push in
                if case .envelope(let envelope) = push.kind { envelope } else { nil }
            }
            guard !envelopes.isEmpty else { continue }
            do {
                try await device.reader.take(envelopes, over: connection)
            } catch {
                await connection.close()
                throw error
            }
        }
    }

    // MARK: Sending

    /// Keeps a task for each contact for whom something waits, so that one whose node is away holds up nobody else.
    private func send() async {
        let busy = ContactSet()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                // Before the look: what comes while it is taken is not missed.
                let wake = device.work.subscribe()
                for contact in await waiting() where busy.insert(contact) {
                    group.addTask {
                        await bring(to: contact)
                        busy.remove(contact)
                        // What was queued after the last look found this task still there.
                        if await waiting().contains(contact), !Task.isCancelled { device.work.notify() }
                    }
                }
                await Self.sleep(Self.checkInterval, orUntil: wake)
            }
        }
    }

    private func waiting() async -> [Int64] {
        do {
            return try await device.waitingContacts()
        } catch {
            logger.error("what waits cannot be read: \(error)")
            return []
        }
    }

    /// Until nothing waits for the contact any more.
    private func bring(to contact: Int64) async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            let again = device.retryAll.subscribe()
            var outcome = Courier.Outcome()
            do {
                outcome = try await device.courier.deliver(to: contact)
            } catch {
                logger.error("sending failed: \(error)")
                outcome.wait(error)
            }
            guard outcome.isWaiting else { return }
            if outcome.stored > 0 { retry = Self.firstRetry }
            await Self.sleep(max(Self.jittered(retry), outcome.retryAfter), orUntil: again)
            retry = min(retry * 2, poll)
        }
    }

    /// Somewhere around `duration`, so that devices that failed together do not all come back together.
    private static func jittered(_ duration: Duration) -> Duration { duration * Double.random(in: 0.75...1.25) }

    // MARK: Prekeys

    private func supplyPrekeys() async {
        while !Task.isCancelled {
            let due = device.supplyIsDue.subscribe()
            do {
                try await device.supply.refill()
            } catch {
                logger.debug("no prekeys brought: \(error)")
            }
            await Self.sleep(Self.checkInterval, orUntil: due)
        }
    }

    private static func sleep(_ duration: Duration, orUntil stream: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: duration) }
            group.addTask { for await _ in stream { return } }
            await group.next()
            group.cancelAll()
        }
    }
}
