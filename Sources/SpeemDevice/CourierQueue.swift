/// One delivery round at a time for each contact, so that commands and the daemon's own tasks do not get in each other's
/// way. Contacts never wait for each other.
actor CourierQueue {
    private struct Round {
        let number: Int
        let task: Task<Courier.Outcome, any Error>
        var hasBegun = false
    }

    private let round: @Sendable (_ contact: Int64) async throws -> Courier.Outcome
    private let news: Signal
    /// The newest round of each contact; those before it have ended once it begins.
    private var newest: [Int64: Round] = [:]
    private var count = 0

    init(news: Signal, round: @escaping @Sendable (_ contact: Int64) async throws -> Courier.Outcome) {
        self.news = news
        self.round = round
    }

    /// The outcome of a round for the contact that begins after this call: all who wait for the same one share it.
    func deliver(to contact: Int64) async throws -> Courier.Outcome {
        let previous = newest[contact]
        if let previous, !previous.hasBegun { return try await previous.task.value }
        count += 1
        let number = count
        let task = Task {
            _ = await previous?.task.result
            return try await self.begin(number, contact)
        }
        newest[contact] = Round(number: number, task: task)
        return try await task.value
    }

    /// Rounds for all of `contacts`, side by side.
    func deliver(toAllOf contacts: [Int64]) async -> Courier.Outcome {
        await withTaskGroup(of: Courier.Outcome.self) { group in
            for contact in contacts {
                group.addTask {
                    do {
                        return try await self.deliver(to: contact)
                    } catch {
                        return Courier.Outcome(isWaiting: true, reason: "\(error)")
                    }
                }
            }
            var total = Courier.Outcome()
            for await outcome in group { total.add(outcome) }
            return total
        }
    }

    private func begin(_ number: Int, _ contact: Int64) async throws -> Courier.Outcome {
        newest[contact]?.hasBegun = true
        defer { if newest[contact]?.number == number { newest[contact] = nil } }
        let outcome = try await round(contact)
        if outcome.stored > 0 || outcome.queued > 0 { news.notify() }
        return outcome
    }
}
