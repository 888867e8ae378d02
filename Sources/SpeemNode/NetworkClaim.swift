import Logging
import NIOCore
import SpeemCPace
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemTransport

/// The claim of an unowned node over the network: which code holds, when it may be tried, and the port for it.
///
/// The port is open only while the node is unowned, its claim invite alive and the window open: whoever has the code gets
/// that invite.
actor NetworkClaim: ClaimHost {
    /// What the person at the console needs.
    struct Offer: Sendable {
        let code: ClaimCode
        /// Where the port is, as other machines name it.
        let addresses: [String]
    }

    private let state: NodeState
    private let endpoints: [(host: String, port: UInt16)]
    private let lifetime: Int64
    private let group: any EventLoopGroup
    private let logger: Logger
    private var window: ClaimWindow?
    private var invite: Invite?
    /// In seconds of running.
    private var deadline: Int64 = 0
    private var server: ClaimServer? { didSet { onPort(server?.addresses ?? []) } }
    /// Is told where the port is; nowhere once it is closed.
    private let onPort: @Sendable ([String]) -> Void
    private let servers: AsyncStream<ClaimServer>
    private let opened: AsyncStream<ClaimServer>.Continuation

    init(
        _ config: Config, state: NodeState, group: any EventLoopGroup, logger: Logger,
        onPort: @escaping @Sendable ([String]) -> Void = { _ in }
    ) {
        self.state = state
        self.onPort = onPort
        var hosts: [String] = []
        for address in config.listen where !hosts.contains(address.host) { hosts.append(address.host) }
        // The configuration allows no other numbers.
        endpoints = hosts.map { ($0, UInt16(clamping: config.claimPort)) }
        lifetime = config.claimLifetime
        self.group = group
        self.logger = logger
        (servers, opened) = AsyncStream.makeStream()
    }

    /// Opens the window with a new code, for who is to get `invite`.
    ///
    /// - Returns: nil when the node has an owner.
    /// - Throws: ``SpeemTransport/TransportError/cannotListen(address:reason:)``.
    func open(_ invite: Invite) async throws -> Offer? {
        if server == nil {
            let bound = try await ClaimServer.bind(addresses: endpoints, host: self, group: group, logger: logger)
            if server == nil {
                server = bound
                opened.yield(bound)
            } else {
                // Two commands at once: the other one was faster.
                await bound.stop()
            }
        }
        guard state.account == nil, let server else {
            await close()
            return nil
        }
        let code: ClaimCode
        if var window {
            code = window.reopen(random: state.random)
            self.window = window
        } else {
            var window = ClaimWindow(random: state.random)
            code = window.code ?? window.reopen(random: state.random)
            self.window = window
        }
        replace(invite)
        return Offer(code: code, addresses: OwnAddresses.list(bound: server.addresses))
    }

    /// The invite that was handed out is dead: from now on who has the code gets this one.
    func replace(_ invite: Invite) {
        self.invite = invite
        deadline = state.clock.running + lifetime
    }

    /// Serves whatever port is open, until the task is cancelled.
    func run() async {
        for await server in servers {
            do {
                try await server.run()
            } catch {
                logger.warning("the node cannot be claimed over the network any more: \(error)")
            }
            if self.server === server { self.server = nil }
        }
    }

    /// Closes window and port: the node has an owner, or ends.
    func close() async {
        window?.close()
        invite = nil
        await closePort()
    }

    /// Closes window and port once the invite has expired.
    func closeIfExpired() async {
        guard server != nil, isExpired else { return }
        logger.notice("the time to claim this node is over: speem claim-code, or a new start, begins it anew")
        await close()
    }

    private var isExpired: Bool { state.clock.running >= deadline }

    private func closePort() async {
        let open = server
        server = nil
        await open?.stop()
    }

    // MARK: Attempts

    func begin() throws(ClaimWindow.Refusal) -> ClaimWindow.Attempt {
        guard state.account == nil, invite != nil, !isExpired, var window else {
            // Not from inside of a connection that is closed by it; without an attempt the node's upkeep does it.
            Task { await closeIfExpired() }
            throw .closed
        }
        defer { self.window = window }
        return try window.begin()
    }

    func end(_ attempt: ClaimWindow.Attempt, confirmed: Bool) -> SecretBytes? {
        guard var window else { return nil }
        let outcome = window.end(attempt, confirmed: confirmed, random: state.random)
        self.window = window
        switch outcome {
        case .superseded: return nil
        case .closed:
            logger.warning(
                "\(ClaimWindow.missLimit) wrong codes: the node cannot be claimed over the network until speem claim-code, or a new start"
            )
            // Not from inside of a connection that is closed by it.
            Task { await closePort() }
            return nil
        case .newCode(let code) where confirmed:
            logger.notice(
                "a device has given the right code; if it does not take the node, the code is now \(code.text)")
            return invite.map { SecretBytes(Array($0.text.utf8)) }
        case .newCode(let code):
            logger.notice("a device has given a wrong code, or none; the code is now \(code.text)")
            return nil
        }
    }
}
