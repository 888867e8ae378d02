import ArgumentParser
import SpeemConfig
import SpeemQR
import SpeemStore
import SpeemTransport

struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract:
            "Show an invite: on a device for a contact or a further device, on an unowned node for its first device.",
        discussion: """
            An invite is good for one use. Whoever has it can take it up, so hand it over in private: as QR code from \
            screen to camera, or as text. A contact can take it up while this device is off; the node answers.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(help: ArgumentHelp("How long the invite lives: 90s, 5m, 1h, 7d.", valueName: "duration"))
    var lifetime: String?

    @Flag(help: "Invite a further device of your own.")
    var device = false

    @Flag(help: "Print the invite as JSON.")
    var json = false

    func run() async throws {
        var parameters: [String: JSON] = [:]
        if let lifetime {
            guard let seconds = Durations.seconds(lifetime) else {
                throw ValidationError("\"\(lifetime)\" is not a duration such as 90s, 5m, 1h or 7d")
            }
            parameters["lifetime_seconds"] = .integer(seconds)
        }
        if device { parameters["kind"] = .string("device") }
        let result = try await Caller.call("invite", parameters, config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        guard let text = result["invite"]?.stringValue, let qr = result["qr"]?.stringValue else {
            throw Failure("the daemon's answer holds no invite")
        }
        Self.show(text: text, qr: qr)
        if device { Output.note("on the new device: speem accept INVITE; then here: speem devices") }
    }

    /// The invite as QR code for a person, and as text.
    static func show(text: String, qr: String) {
        if Output.isTerminal, let code = try? QRCode(qr, level: .low) {
            Output.line(code.terminalText(color: true))
        }
        Output.line(text)
    }
}

/// Durations on the command line, as in the configuration.
enum Durations {
    static func seconds(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number > 0 else {
            return nil
        }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : seconds
    }
}
