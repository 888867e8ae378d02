import ArgumentParser
import SpeemConfig
import SpeemDoctor
import SpeemTransport

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong, and say what to do about it.",
        discussion: """
            Each line is "ok", "problem" or "unknown" (it cannot be seen from here). It changes nothing, and works for a node and \
            for a device, with speem run running or not; while it runs more can be known. The status is 1 when there is a problem.
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Print the findings as JSON.")
    var json = false

    func run() async throws {
        let config = try options.load()
        let daemon = try await Caller.session(config) { await Self.ask($0, config) }
        let findings = await Doctor.examine(config, daemon: daemon)
        if json {
            Output.line(JSONText.text(.array(findings.map(\.json))))
        } else {
            if daemon.isRunning == false {
                Output.note("speem: speem run is not running; while it is, more can be known")
            }
            for line in findings.flatMap(\.lines) { Output.line(Self.printable(line)) }
        }
        if findings.contains(where: { $0.state == .problem }) { throw ExitCode(1) }
    }

    /// What the daemon knows; without one, what a device's store and nodes tell.
    private static func ask(_ caller: Caller, _ config: Config) async -> DaemonFacts {
        var isRunning: Bool?
        do {
            // All at once: nodes that do not answer take their time.
            async let told = caller.callDaemon("status")
            async let nearby = caller.callDaemon("nearby")
            let nodes = config.role == .device ? try await caller.callDaemon("nodes") : nil
            if let status = try await told { return .running(status: status, nodes: nodes, nearby: try await nearby) }
            isRunning = false
            return .notRunning(nodes: config.role == .device ? try await caller.call("nodes") : nil)
        } catch {
            let failure = Failure.words(error)
            return .failed(DaemonFacts.Trouble(failure.message, hint: failure.hint), isRunning: isRunning)
        }
    }

    /// The tabs between columns stay.
    private static func printable(_ line: String) -> String {
        line.split(separator: "\t", omittingEmptySubsequences: false).map { Output.printable(String($0)) }
            .joined(separator: "\t")
    }
}
