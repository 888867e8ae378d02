import ArgumentParser
import SpeemTransport

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct NearbyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nearby", abstract: "Show who is on the same network.",
        discussion: """
            Only those whom you know are named; of others just the number can be told, and they can tell no more of you. \
            Without a running speem run it takes three seconds.
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() async throws {
        let result = try await Caller.call("nearby", config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        if result["mode"] == .string("off") {
            return Output.note("nobody is looked for: discovery.mode is \"off\" in the configuration")
        }
        for peer in result["peers"]?.arrayValue ?? [] {
            let name = Output.printable(peer["name"]?.stringValue ?? "?")
            Output.line("\(name)\t\(peer["kind"]?.stringValue ?? "?")\t\(place(peer))")
        }
        for node in result["unowned"]?.arrayValue ?? [] { Output.line("-\ta node without an owner\t\(place(node))") }
        let strangers = result["strangers"]?.integerValue ?? 0
        if strangers > 0 { Output.note("\(strangers) more that you do not know") }
        if let problem = result["problem"]?.stringValue {
            Output.note("speem: \(problem)")
            if let hint = result["hint"]?.stringValue { Output.note("hint: \(hint)") }
        } else if result["peers"]?.arrayValue?.isEmpty != false, strangers == 0 {
            Output.note("nobody is here")
        }
    }

    private func place(_ found: JSON) -> String {
        let since = Date(timeIntervalSince1970: Double(found["since"]?.integerValue ?? 0))
        return "\(Output.printable(found["address"]?.stringValue ?? "?"))\t\(found["interface"]?.stringValue ?? "?")\t"
            + since.formatted(.iso8601)
    }
}
