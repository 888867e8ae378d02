/// One delivery round at a time, so that commands and the daemon's own loop do not get in each other's way.
actor CourierQueue {
    private let round: @Sendable () async throws -> Courier.Outcome
    private let news: Signal
    /// The newest round; those before it have ended once it begins.
    private var newest: Task<Courier.Outcome, any Error>?
    private var newestHasBegun = false

    init(news: Signal, round: @escaping @Sendable () async throws -> Courier.Outcome) {
        self.news = news
        self.round = round
    }

    /// The outcome of a round that begins after this call: all who wait for the same one share it.
    func deliver() async throws -> Courier.Outcome {
        if let newest, !newestHasBegun { return try await newest.value }
        let previous = newest
        let task = Task {
            _ = await previous?.result
            return try await self.begin()
        }
        newest = task
        newestHasBegun = false
        return try await task.value
    }

    private func begin() async throws -> Courier.Outcome {
        newestHasBegun = true
        let outcome = try await round()
        if outcome.stored > 0 { news.notify() }
        return outcome
    }
}
