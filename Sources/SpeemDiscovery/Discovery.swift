public import Logging

/// Finds peers on the same network, and lets them find this process.
///
/// Nothing here fails for good: without avahi-daemon nobody is found, the log says why once, and it goes on by itself when the
/// daemon is there.
public final class Discovery: Sendable {
    private let board: DiscoveryBoard
    private let settings: DiscoverySettings
    private let logger: Logger
    private let networkChanged: @Sendable () -> Void

    /// - Parameters:
    ///   - networkChanged: called when this machine has other interfaces or addresses than before.
    ///   - found: called whenever others are here, or gone, than before. Both are called on a thread of their own, and must not
    ///     block.
    public init(
        settings: DiscoverySettings, logger: Logger, networkChanged: @escaping @Sendable () -> Void = {},
        found: @escaping @Sendable () -> Void
    ) {
        self.networkChanged = networkChanged
        self.settings = settings
        self.logger = logger
        board = DiscoveryBoard { before, after in
            if before.problem != after.problem { Self.log(after.problem, logger) }
            if before.peers != after.peers || before.unowned != after.unowned { found() }
        }
    }

    private static func log(_ problem: DiscoveryProblem?, _ logger: Logger) {
        guard let problem else { return logger.info("peers on this network are found now") }
        logger.warning("\(problem); \(problem.hint)")
    }

    /// Works until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isStarted = AvahiThread.start(
                    board: board, settings: settings, networkChanged: networkChanged
                ) { continuation.resume() }
                if !isStarted {
                    logger.error("peers on this network are not found: the system refused a thread")
                    continuation.resume()
                }
            }
        } onCancel: {
            board.close()
        }
    }

    /// The port of the first bound address ("host:port") that others can connect to; nil where there is only the loopback.
    public static func port(of addresses: [String]) -> UInt16? {
        for address in addresses where !address.hasPrefix("127.") && !address.hasPrefix("[::1]") {
            guard let colon = address.lastIndex(of: ":") else { continue }
            if let port = UInt16(address[address.index(after: colon)...]), port > 0 { return port }
        }
        return nil
    }

    /// Says on the network that this process is here; nil: nothing.
    public func publish(_ publication: Publication?) {
        board.wish { $0.publications = publication.map { [$0] } ?? [] }
    }

    /// Who is to be recognised: the Noise static keys, and what their records are made with.
    public func recognise(_ candidates: [[UInt8]: EndpointKey]) {
        board.wish { if $0.candidates != candidates { $0.candidates = candidates } }
    }

    /// Who is here and was recognised: addresses by Noise static keys.
    public var peers: [[UInt8]: [FoundAddress]] { board.findings.peers }

    /// The addresses of one of them, the newest first.
    public func addresses(of staticKey: [UInt8]) -> [String] {
        board.findings.peers[staticKey]?.map(\.address) ?? []
    }

    /// Nobody answered at an address that was found: its owner may have left without a word. It is not named for a while.
    public func unreachable(_ address: String) { board.doubt(address) }

    /// Nodes without an owner that can be taken with the code that they show.
    public var unowned: [FoundAddress] { board.findings.unowned }

    /// How many others are here that are not recognised.
    public var strangers: Int { board.findings.strangers }

    /// Why nobody is found; nil when all is well.
    public var problem: DiscoveryProblem? { board.findings.problem }
}
