import ArgumentParser
import SpeemTransport

struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts", abstract: "List the contacts, and remove, block or unblock one.",
        subcommands: [List.self, Remove.self, Block.self, Unblock.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the contacts.")

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Print the list as JSON.")
        var json = false

        func run() async throws {
            let result = try await Caller.call("contacts", config: try options.load())
            if json { return Output.line(JSONText.text(result)) }
            let contacts = result.arrayValue ?? []
            if contacts.isEmpty { Output.note("no contacts yet: speem invite, or speem accept INVITE") }
            for contact in contacts {
                let name = Output.printable(contact["name"]?.stringValue ?? "?")
                let state = contact["state"]?.stringValue ?? "?"
                let verified = contact["verified"] == .bool(true) ? "verified" : "not verified"
                Output.line("\(name)\t\(state)\t\(verified)\(contact["blocked"] == .bool(true) ? "\tblocked" : "")")
                if let problem = contact["problem"]?.stringValue {
                    Output.note("speem: nothing reaches \(name): \(Output.printable(problem))")
                }
                if let alarm = contact["alarm"]?.stringValue {
                    Output.note("speem: warning about \(name): \(Output.printable(alarm))")
                }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a contact with the conversation, on all devices.",
            discussion: """
                The contact is not let in any more at your nodes, and does not recognise your devices on a network any more. \
                It is not told. To meet again takes a new invite.
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The contact's name.")
        var contact: String

        func run() async throws {
            let result = try await Caller.call(
                "contacts.remove", ["contact": .string(contact)], config: try options.load())
            Output.line("\(Output.printable(result["contact"]?.stringValue ?? contact)) was removed")
        }
    }

    struct Block: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "block", abstract: "Hear nothing of a contact any more, until it is unblocked.",
            discussion: """
                The conversation stays. What the contact sends is thrown away; it is not told, and sees its messages as \
                stored.
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The contact's name.")
        var contact: String

        func run() async throws {
            let result = try await Caller.call(
                "contacts.block", ["contact": .string(contact)], config: try options.load())
            Output.line("\(Output.printable(result["contact"]?.stringValue ?? contact)) is blocked")
        }
    }

    struct Unblock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unblock", abstract: "Hear of a blocked contact again.")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The contact's name.")
        var contact: String

        func run() async throws {
            let result = try await Caller.call(
                "contacts.block", ["contact": .string(contact), "blocked": .bool(false)], config: try options.load())
            Output.line("\(Output.printable(result["contact"]?.stringValue ?? contact)) is not blocked any more")
        }
    }
}
