import ArgumentParser
import NIOPosix
import SpeemConfig
import SpeemCrypto
import SpeemStore
import SpeemTransport
import Synchronization

struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Open the store of a node that has started locked.",
        discussion: """
            On the node itself, or on a device of its owner. Asks for the passphrase on this machine, and gives the running \
            node the key that it opens; the passphrase itself goes nowhere. On a device it first shows where the node is and \
            since when its machine runs, and wants "yes": a board that was stolen, or moved, asks for the key just so.
            """)

    /// How long the node may take to open its store.
    private static let patience = Duration.seconds(120)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "On a device: which node; an address, or the beginning of its key (speem nodes).")
    var node: String?

    @Option(
        help: ArgumentHelp(
            "On a device: a file with the passphrase of the node; - is standard input.", valueName: "file"))
    var nodePassphraseFile: String?

    func run() async throws {
        let config = try options.load()
        guard config.role == .node else {
            return try await RemoteUnlock(config: config, node: node, passphraseFile: nodePassphraseFile).run()
        }
        guard node == nil else {
            throw Failure("this is a node's configuration, and unlocks that node", hint: "speem unlock")
        }
        try await Caller.session(config) { caller in
            guard let status = try await caller.callDaemon("status") else {
                throw Failure(
                    "the node is not running", hint: "start it with speem run --config \(config.file)")
            }
            guard status["locked"] == .bool(true) else { return Output.line("the node is not locked") }
            let key = try StoreAccess.wrapped(config).unwrap(PassphraseInput.current())
            try await Self.give(key, caller)
            try await Self.wait(caller)
            Output.line("unlocked")
        }
    }

    private static func give(_ key: StoreKey, _ caller: Caller) async throws {
        let isUnlocked = Mutex(false)
        let text = String(decoding: Hex.encode(key.secret).exposedCopy(), as: UTF8.self)
        do {
            _ = try await caller.callDaemon("unlock", ["key": .string(text)]) { method, _ in
                if method == "unlocked" { isUnlocked.withLock { $0 = true } }
            }
        } catch let error as TransportError {
            // The node closes this socket to open its own; the key was the right one by then.
            guard isUnlocked.withLock({ $0 }) else { throw error }
        }
    }

    /// Until the node answers with its store open.
    private static func wait(_ caller: Caller) async throws {
        let deadline = ContinuousClock.now + patience
        while ContinuousClock.now < deadline {
            if let status = try? await caller.callDaemon("status"), status["locked"] != .bool(true) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failure("the node has the key, and does not answer", hint: "its log says why")
    }
}
