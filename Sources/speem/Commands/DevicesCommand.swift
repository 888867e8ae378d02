import ArgumentParser
import SpeemTransport

struct DevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the account's devices, and link, refuse, rename or remove one.",
        subcommands: [List.self, Link.self, Refuse.self, Rename.self, Remove.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the devices, and those that ask to be linked.")

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Print the list as JSON.")
        var json = false

        func run() async throws {
            // A script leaves what a person is told once for the person.
            let (result, notices) = try await Caller.session(try options.load()) { caller in
                (try await caller.call("devices"), json ? [] : try await Notices.take(caller))
            }
            if json { return Output.line(JSONText.text(result)) }
            Notices.show(notices)
            for device in result["devices"]?.arrayValue ?? [] {
                let name = Output.printable(device["name"]?.stringValue ?? "?")
                let id = String((device["device"]?.stringValue ?? "?").prefix(8))
                Output.line("\(name)\t\(id)\(device["this"] == .bool(true) ? "\tthis device" : "")")
            }
            for asking in result["asking"]?.arrayValue ?? [] {
                let name = Output.printable(asking["name"]?.stringValue ?? "?")
                Output.line("\(name)\t\(asking["fingerprint"]?.stringValue ?? "?")\tasks to be linked")
                Output.note(
                    "hint: if that device shows the same letters: speem devices link \(name); else: speem devices refuse \(name)"
                )
            }
            for history in result["history"]?.arrayValue ?? [] where history["complete"] != .bool(true) {
                let here = history["here"]?.integerValue ?? 0
                let total = history["total"]?.integerValue ?? 0
                Output.note(
                    "the history is on its way from \(Output.printable(history["from"]?.stringValue ?? "?")): \(here) of \(total) messages"
                )
            }
            if let problem = result["problem"]?.stringValue { Output.note("speem: \(Output.printable(problem))") }
        }
    }

    struct Link: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "link", abstract: "Say yes to a device that asks to be linked.",
            discussion: """
                Compare the eight letters that both devices show first. The new device reads everything from now on; of what \
                was said before it gets what --history says.
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "Its name, or the beginning of its letters.")
        var name: String

        @Option(
            help: ArgumentHelp(
                "What it gets of the conversations so far: all, none, or days such as 30d.", valueName: "span"))
        var history = "all"

        func run() async throws {
            let result = try await Caller.call(
                "devices.link", ["name": .string(name), "history": .string(history)], config: try options.load())
            Output.line("\(Output.printable(result["name"]?.stringValue ?? name)) is linked")
        }
    }

    struct Refuse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refuse", abstract: "Say no to a device that asks to be linked.")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "Its name, or the beginning of its letters.")
        var name: String

        func run() async throws {
            _ = try await Caller.call("devices.refuse", ["name": .string(name)], config: try options.load())
            Output.line("\(name) was not linked")
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rename", abstract: "Give a device another name; only your own devices know it.")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The device.")
        var name: String

        @Argument(help: "Its new name.")
        var to: String

        func run() async throws {
            _ = try await Caller.call(
                "devices.rename", ["name": .string(name), "to": .string(to)], config: try options.load())
            Output.line("it is called \(to) now")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a device that is lost or stolen.",
            discussion: """
                It can reach none of your nodes from then on, its mailbox is emptied, its invites are dead, and your contacts \
                are told to let it in no more. What it has read already it keeps.
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The device.")
        var name: String

        func run() async throws {
            let result = try await Caller.call("devices.remove", ["name": .string(name)], config: try options.load())
            Output.line("\(Output.printable(result["name"]?.stringValue ?? name)) was removed")
        }
    }
}

/// What the person has to be told once.
enum Notices {
    static func take(_ caller: Caller) async throws -> [JSON] {
        let notices = try await caller.call("notices").arrayValue ?? []
        if let last = notices.last?["number"] { _ = try await caller.call("notices", ["shown": last]) }
        return notices
    }

    static func show(_ notices: [JSON]) {
        for notice in notices { Output.note("speem: \(Output.printable(notice["text"]?.stringValue ?? "?"))") }
    }
}
