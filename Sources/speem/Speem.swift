import ArgumentParser
import CStaticShims

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The command `speem`.
struct Speem: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speem",
        abstract: "Serverless, end-to-end encrypted messages, and a node at home that keeps them.",
        discussion: """
            A node is always on and keeps sealed messages; a device reads and writes them. One file sets up either.

            A first evening, on the board and on the laptop:

              board:   speem run --config node.toml       shows a claim invite
              laptop:  speem init --name alice            shows the recovery words, once
              laptop:  speem accept speem:…               the laptop takes the node
              laptop:  speem run                          stays connected
              laptop:  speem invite                       an invite for a friend
              laptop:  speem send bob "hello"

            Exit status: 0 when done, 1 when it failed, 64 when the command line is wrong.
            """,
        version: VersionCommand.line,
        subcommands: [
            RunCommand.self, InitCommand.self, InviteCommand.self, AcceptCommand.self, ContactsCommand.self,
            VerifyCommand.self, SendCommand.self, InboxCommand.self, SentCommand.self, OutboxCommand.self,
            WhyCommand.self, DeleteCommand.self, DevicesCommand.self, NodesCommand.self, NodeCommand.self,
            SettingsCommand.self, NearbyCommand.self, BackupCommand.self, RestoreCommand.self,
            RecoverCommand.self, ClaimCodeCommand.self, PassphraseCommand.self, UnlockCommand.self,
            RekeyCommand.self, KeyCommand.self, StatusCommand.self, DoctorCommand.self,
            ConfigCommand.self, VersionCommand.self,
        ])
}

@main
enum Main {
    /// The command line without the program's name.
    private static var arguments: [String] {
        #if os(Linux)
            return (1..<max(speem_argument_count(), 1)).compactMap { index in
                speem_argument(index).map { String(cString: $0) }
            }
        #else
            return Array(CommandLine.arguments.dropFirst())
        #endif
    }

    static func main() async {
        // A pipe that nobody reads any more ends the command with an error, not with a signal.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Speem.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.report(error)
        }
    }
}
