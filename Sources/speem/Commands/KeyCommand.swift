import ArgumentParser
import SpeemCrypto
import SpeemStore

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make the key of a store that systemd keeps.", subcommands: [MakeKeyCommand.self])
}

struct MakeKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Print a new key, the text of a key file.",
        discussion: """
            For a credential, on the machine that will use it:

              speem key make | systemd-creds encrypt --name=speem-store-key - /etc/credstore.encrypted/speem-store-key

            with key = "credential" in [store], and LoadCredentialEncrypted=speem-store-key in the service. Nothing else keeps \
            this key: when the machine or its TPM is gone, so is the store.
            """)

    func run() async throws {
        let key = StoreKey(secret: SystemRandomSource().secret(StoreKey.length), path: "")
        key.text.withUnsafeBytes { Output.result($0) }
    }
}
