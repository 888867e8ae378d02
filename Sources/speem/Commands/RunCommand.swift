import ArgumentParser
import Logging
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemDevice
import SpeemIdentity
import SpeemNode
import SpeemQR
import SpeemSystemd
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run as a node or a device, as the configuration says.",
        discussion: """
            A node makes what is missing, listens, and shows a claim invite while nobody owns it. A device stays \
            connected to its node. Both run in the foreground until they are told to stop (SIGTERM, SIGINT). SIGHUP lets \
            them read the configuration again: the log says what has changed, and what needs a restart.
            """)

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let config = try options.load()
        // Before anything takes its time: without this the signal would end the process.
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let level = LogLevel(config)
        let logger = Logs.make(level)
        let service: any Service
        let isAlive: @Sendable () async -> Bool
        let reload: @Sendable (Config) async throws -> Void
        switch config.role {
        case .node:
            // With the passphrase in a file there is nobody to wait for.
            if config.storeKey == .passphrase, options.passphraseFile == nil {
                _ = try StoreAccess.wrapped(config)
                let locked = try await PassphraseNode.start(config, logger: logger) { Self.show($0) }
                service = locked
                isAlive = { await locked.isAlive() }
                reload = { try await locked.reload($0) }
                for address in locked.addresses { Output.note("speem: locked, and takes messages in on \(address)") }
                if let problem = locked.problem { Output.note("speem: locked, and takes nothing in: \(problem)") }
                Output.note("speem: to unlock it: speem unlock, here or on a device of yours")
            } else {
                let node = try await NodeService.start(config, key: try StoreAccess.key(config), logger: logger)
                Self.show(node.announcement)
                service = node
                isAlive = { await node.isAlive() }
                reload = { try await node.reload($0) }
            }
        case .device:
            let device = try await DeviceService.start(
                config, key: try StoreAccess.key(config), logger: logger)
            service = device
            isAlive = { await device.isAlive() }
            reload = { device.reload($0) }
            Output.note("speem: running; commands go through \(config.controlSocket)")
        }
        let manager = ServiceManager.current
        let watchdog = manager.map { Watchdog($0, isAlive: isAlive) }
        let reloader = Reloader(
            config: config, signals: reloads, level: level, logger: logger, manager: manager, apply: reload)
        let group = ServiceGroup(
            services: [service, reloader] + (watchdog.map { [$0] } ?? []),
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        try await group.run()
    }

    private static func show(_ announcement: NodeService.Announcement) {
        for address in announcement.addresses { Output.note("speem: listening on \(address)") }
        if let owner = announcement.owner {
            Output.note(
                "speem: this node waits for a device of the account \(owner.text), which takes it without an invite")
        }
        guard let invite = announcement.claim else { return }
        Output.note("speem: nobody owns this node; take it from a device with: speem accept INVITE")
        if let claim = announcement.networkClaim {
            ClaimCodeCommand.note(addresses: claim.addresses)
            Output.note("speem: code: \(claim.code)")
        }
        InviteCommand.show(text: invite.text, qr: invite.qrText)
    }
}

extension AccountPublicKey {
    /// Enough of it to tell one account from another.
    fileprivate var text: String { String(Hex.encode(bytes).prefix(8)) }
}
