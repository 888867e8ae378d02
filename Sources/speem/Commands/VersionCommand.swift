import ArgumentParser
import SpeemCrypto
import SpeemDiscovery
import SpeemProtocol
import SpeemStore

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the version, and with --verbose which libraries are inside.")

    static var line: String { "speem \(SpeemVersion.text)" }

    @Flag(help: "Show the libraries too.")
    var verbose = false

    func run() async throws {
        Output.line(Self.line)
        guard verbose else { return }
        Output.line("libsodium \(Sodium.version)")
        Output.line("sqlite \(SQLiteLibrary.version)")
        Output.line("libdbus \(AvahiLibrary.dbusVersion)")
        Output.line(
            "libavahi-client \(AvahiLibrary.clientVersion ?? "of a version that was not noted when it was built")")
        switch AvahiLibrary.daemonVersion() {
        case .success(let version): Output.line("avahi-daemon says: \(version)")
        case .failure(let reason): Output.line("avahi-daemon cannot be asked: \(reason)")
        }
    }
}
