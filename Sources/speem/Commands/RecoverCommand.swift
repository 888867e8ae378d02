import ArgumentParser
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemCrypto
import SpeemDevice
import SpeemIdentity
import SpeemTransport

struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Sign this device in with the 24 recovery words, read from standard input.",
        discussion: """
            For when no other device is left, or one has removed this one. The node's address and key stand in speem status \
            on the node. The account's other devices stay listed, but for one that has removed this device; --alone removes them all.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A node of the account, as host:port.")
    var address: String

    @Argument(help: "The node's key: 64 hexadecimal digits (speem status on the node).")
    var key: String

    @Flag(help: "Remove all other devices.")
    var alone = false

    func run() async throws {
        let config = try options.load()
        guard config.role == .device else {
            throw Failure("\(config.file) is the configuration of a node, which has no account")
        }
        guard let bytes = Hex.decode(key), let nodeKey = try? X25519.PublicKey(bytes) else {
            throw Failure("this is not a node's key", hint: "speem status on the node shows it: 64 hexadecimal digits")
        }
        let node: NodeEntry
        do { node = try NodeEntry(noise: nodeKey, addresses: [address]) } catch {
            throw Failure("\"\(address)\" is not an address such as 192.0.2.1:4404")
        }
        let account = try Self.readAccount()
        let storeKey = try StoreAccess.firstKey(config)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await Recovery.run(
                account, node: node, others: alone ? .remove : .keep, config: config, key: storeKey,
                group: group,
                logger: Logs.make(config))
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
        Output.line("this device is signed in")
        Output.note("next: speem run, or speem contacts; contacts come from your other devices")
    }

    /// The account of the words on standard input.
    static func readAccount() throws -> AccountKey {
        if Output.isTerminal { Output.note("type the 24 words, then Ctrl-D:") }
        var words = ""
        while words.split(whereSeparator: \.isWhitespace).count < 24, let line = readLine() { words += " " + line }
        return try AccountKey(words: words)
    }
}
