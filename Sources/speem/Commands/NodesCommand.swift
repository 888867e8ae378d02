import ArgumentParser
import SpeemTransport

struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "List the account's nodes, or put a new board into the place of an old one.",
        discussion: """
            A further node is taken like the first: speem accept with the claim invite that it shows, or a file from \
            speem node config.
            """,
        subcommands: [List.self, Replace.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the nodes, the home node first.")

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Print the list as JSON.")
        var json = false

        func run() async throws {
            let (waiting, nodes) = try await Caller.session(try options.load()) { caller in
                // These first: without a daemon this looks for them, and one may be found.
                (
                    try await caller.call("node.provisions").arrayValue ?? [],
                    try await caller.call("nodes").arrayValue ?? []
                )
            }
            if json { return Output.line(JSONText.text(.array(nodes + waiting))) }
            if nodes.isEmpty, waiting.isEmpty {
                Output.note("no node yet: speem accept with the claim invite that it shows")
            }
            for node in nodes {
                let address = Output.printable(node["addresses"]?.arrayValue?.first?.stringValue ?? "?")
                let key = String((node["node_key"]?.stringValue ?? "?").prefix(8))
                let place =
                    node["retired"] == .bool(true) ? "retired" : node["home"] == .bool(true) ? "home" : "further"
                let state =
                    node["locked"] == .bool(true)
                    ? "locked" : node["reachable"] == .bool(true) ? "reachable" : "not reachable"
                let name = node["name"]?.stringValue.map { Output.printable($0) } ?? "-"
                let disk = StatusText.space(node["state"]?["disk"] ?? .null).map { "\t\($0)" } ?? ""
                Output.line("\(address)\t\(key)\t\(place)\t\(state)\t\(name)\(disk)")
            }
            for node in waiting {
                let name = Output.printable(node["name"]?.stringValue ?? "?")
                let problem = node["problem"]?.stringValue.map { "\t" + Output.printable($0) } ?? ""
                Output.line("\(name)\twaiting for its first start\(problem)")
            }
        }
    }

    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replace", abstract: "Put a new board into the place of an old one.",
            discussion: """
                Start the new node first; it shows a claim invite. Contacts find the new one by themselves. What still lies on \
                the old one is fetched for as long as it answers. When the network fails in the middle, run the same command again.
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The old node: its name, an address, or the beginning of its key (speem nodes).")
        var old: String

        @Argument(help: "The claim invite of the new one, speem:…")
        var invite: String

        @Flag(help: "The old board will never come back: do not ask it.")
        var lost = false

        func run() async throws {
            let result = try await Caller.call(
                "nodes.replace", ["node": .string(old), "invite": .string(invite), "lost": .bool(lost)],
                config: try options.load())
            let address = result["addresses"]?.arrayValue?.first?.stringValue ?? "?"
            Output.line("the node at \(Output.printable(address)) has taken its place")
        }
    }
}
