import ArgumentParser
import Logging
import ServiceLifecycle
import SpeemConfig
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
            connected to its node. Both run in the foreground until they are told to stop (SIGTERM, SIGINT).
            """)

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let config = try options.load()
        let logger = Logs.make(config, daemon: true)
        let service: any Service
        let isAlive: @Sendable () async -> Bool
        switch config.role {
        case .node:
            // With the passphrase in a file there is nobody to wait for.
            if config.storeKey == .passphrase, options.passphraseFile == nil {
                _ = try StoreAccess.wrapped(config)
                let locked = try await PassphraseNode.start(config, logger: logger) { Self.show($0) }
                service = locked
                isAlive = { await locked.isAlive() }
                for address in locked.addresses { Output.note("speem: locked, and takes messages in on \(address)") }
                if let problem = locked.problem { Output.note("speem: locked, and takes nothing in: \(problem)") }
                Output.note("speem: to unlock it: speem unlock, here or on a device of yours")
            } else {
                let node = try await NodeService.start(config, key: try StoreAccess.key(config), logger: logger)
                Self.show(node.announcement)
                service = node
                isAlive = { await node.isAlive() }
            }
        case .device:
            let device = try await DeviceService.start(
                config, key: try StoreAccess.key(config), logger: logger)
            service = device
            isAlive = { await device.isAlive() }
            Output.note("speem: running; commands go through \(config.controlSocket)")
        }
        let watchdog = ServiceManager.current.map { Watchdog($0, isAlive: isAlive) }
        let group = ServiceGroup(
            services: [service] + (watchdog.map { [$0] } ?? []), gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        try await group.run()
    }

    private static func show(_ announcement: NodeService.Announcement) {
        for address in announcement.addresses { Output.note("speem: listening on \(address)") }
        guard let invite = announcement.claim else { return }
        Output.note("speem: nobody owns this node; take it from a device with: speem accept INVITE")
        if let claim = announcement.networkClaim {
            ClaimCodeCommand.note(addresses: claim.addresses)
            Output.note("speem: code: \(claim.code)")
        }
        InviteCommand.show(text: invite.text, qr: invite.qrText)
    }
}
