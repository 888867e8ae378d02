import ArgumentParser
import SpeemConfig
import SpeemNode
import SpeemStore

struct RekeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Encrypt the store anew under a new key.",
        discussion: """
            Copies the store page by page and puts the copy in its place; the disk must have room for both. speem run must \
            not be running. The old key, and with it every old copy of the key file or of store.wrapped, opens the store no \
            longer; copies of the whole data folder stay readable with what opened them. A power cut in the middle leaves \
            either the old store and its key or the new ones.
            """)

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let config = try options.load()
        if config.role == .node, try PassphraseNode.holdsSpooled(config) {
            throw Failure(
                "the node has taken messages in while it was locked, which only the key that it has now opens",
                hint: "start it, unlock it (speem unlock), stop it, and run speem rekey again")
        }
        let keeping: KeyChange.Keeping
        switch config.storeKey {
        case .file: keeping = .file(config.keyFile)
        case .passphrase:
            _ = try StoreAccess.wrapped(config)
            keeping = .passphrase(try PassphraseInput.current())
        case .credential:
            throw Failure(
                "the key of this store is a credential, which cannot be replaced from here",
                hint:
                    "write it to a key file, set key = \"file\" and key_file in [store], run speem rekey, and encrypt the new key file with systemd-creds"
            )
        }
        let progress = Progress(words: "copied")
        do {
            try KeyChange(folder: config.dataFolder).rekey(keeping) { progress.show($0, of: $1) }
        } catch StoreError.diskFull {
            progress.end()
            throw Failure(
                "there is no room for a second copy of the store; nothing was changed",
                hint: "free as much as \(config.dataFolder)/store.db has, then try again")
        } catch {
            progress.end()
            throw error
        }
        progress.end()
        Output.line("the store has a new key; the old one opens it no longer")
        Output.note("copies of the data folder that were made before open with the key they have")
    }
}
