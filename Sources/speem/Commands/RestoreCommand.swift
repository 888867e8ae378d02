import ArgumentParser
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemTransport

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a device of a backup, with the 24 recovery words, read from standard input.",
        discussion: """
            Into an empty data folder. The device takes the place of the one that was backed up: what waits for that one is \
            fetched, and a copy of it that still runs stops. Interrupted, or without a node in reach, the same command goes on.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A file that speem backup has written.")
    var file: String

    @Flag(help: "Print what was restored as JSON.")
    var json = false

    func run() async throws {
        let config = try options.load()
        guard config.role == .device else {
            throw Failure(
                "\(config.file) is the configuration of a node, and a backup is of a device",
                hint: "use a device's configuration")
        }
        let account = try RecoverCommand.readAccount()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let progress = ProgressLine()
        let report: Restore.Report
        do {
            report = try await Restore.run(
                account, path: file, config: config, group: group, logger: Logs.make(config)
            ) { step in
                switch step {
                case .verifying(let done, let total): progress.show("verifying", done, of: total)
                case .writing(let done, let total): progress.show("restoring", done, of: total)
                case .fetching: progress.show("fetching what waits at the account's nodes")
                case .signingIn: progress.show("signing in")
                }
            }
            progress.end()
        } catch {
            progress.end()
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
        if json { return Output.line(JSONText.object(Self.json(report))) }
        Self.show(report)
    }

    private static func json(_ report: Restore.Report) -> [String: JSON] {
        [
            "made_ms": .integer(report.made), "contacts": .integer(Int64(report.contacts)),
            "messages": .integer(report.messages), "received": .integer(Int64(report.received)),
            "other_devices": .bool(report.hasOthers),
            "unread_nodes": .array(report.unread.map { .string($0) }),
            "unreached_contacts": .array(report.withoutWay.map { .string($0) }),
        ]
    }

    private static func show(_ report: Restore.Report) {
        Output.line(
            "this device is restored: \(count(Int64(report.contacts), "contact")), \(count(report.messages, "message"))"
        )
        if let days = report.days, days > 0 {
            Output.note("the backup is \(count(days, "day")) old")
        }
        for problem in report.unread {
            Output.note("speem: what waited at a node could not be fetched: \(Output.printable(problem))")
        }
        for name in report.withoutWay {
            Output.note("speem: \(Output.printable(name)) cannot be reached yet: it is tried again")
        }
        Output.note(
            report.hasOthers
                ? "what came after the backup is fetched from your other devices"
                : "contacts are asked for what they have sent since the backup; what you wrote since then is lost")
        Output.note("next: speem run, or speem inbox")
    }

    private static func count(_ number: Int64, _ noun: String) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
    }
}
