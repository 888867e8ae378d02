import ArgumentParser
import SpeemConfig
import SpeemStore

struct PassphraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passphrase",
        abstract: "Set the passphrase of the store, or change it.",
        discussion: """
            The first one takes the place of the key file, which is removed. A node with a passphrase starts locked, until \
            speem unlock; a device asks for it. Nothing opens the store without it: keep it where you keep the recovery words.

            A change counts from now on; who has a copy of the old store.wrapped opens the store with the old passphrase until \
            speem rekey.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(
        help: ArgumentHelp(
            "The file whose first line is the new passphrase; - reads it from standard input.", valueName: "file"))
    var newPassphraseFile: String?

    func run() async throws {
        let config = try options.load()
        guard config.storeKey != .credential else {
            throw Failure(
                "the key of this store is a credential, which is not wrapped under a passphrase",
                hint: "for a passphrase write the credential to a key file, and set key = \"file\" in [store] first")
        }
        let change = try KeyChange(folder: config.dataFolder)
        if let wrapped = try change.wrapped() {
            let old = try PassphraseInput.current()
            // Before the new one is asked for.
            _ = try wrapped.unwrap(old)
            try change.changePassphrase(
                wrapped, from: old, to: try PassphraseInput.new(file: newPassphraseFile), keyFile: config.keyFile)
            Output.line("the passphrase is changed")
            Output.note("who has a copy of the old store.wrapped opens the store with the old one, until speem rekey")
            return
        }
        let new = try PassphraseInput.new(file: newPassphraseFile)
        switch try change.setPassphrase(new, keyFile: config.keyFile) {
        case .existing(let keyFile):
            Output.line("the store has a passphrase; \(keyFile) is removed")
            Output.note("the disk may hold the old key in blocks that are free now: speem rekey makes a new one")
        case .newStore: Output.line("the store will have this passphrase")
        }
        if config.storeKey == .file {
            Output.note("next: set key = \"passphrase\" in [store] of \(config.file)")
        }
    }
}
