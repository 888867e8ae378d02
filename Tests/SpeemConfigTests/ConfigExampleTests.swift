import Foundation
import Testing

@testable import SpeemConfig

@Suite("Config.example")
struct ConfigExampleTests {
    /// The repository, or nil where the tests were moved away from it.
    private static let repository: URL? = {
        let folder = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return FileManager.default.fileExists(atPath: folder.appending(path: "config").path) ? folder : nil
    }()

    private func file(_ path: String) throws -> String {
        let repository = try #require(Self.repository)
        return try String(contentsOf: repository.appending(path: path), encoding: .utf8)
    }

    /// The example with every default switched on.
    private func uncommented(_ role: Config.Role) -> String {
        Config.example(role: role).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") ? String(line.dropFirst()) : String(line)
        }.joined(separator: "\n")
    }

    @Test("it is a valid file of its role", arguments: Config.Role.allCases)
    func valid(role: Config.Role) throws {
        #expect(try parse(Config.example(role: role)).role == role)
    }

    @Test("switching every default on changes nothing", arguments: Config.Role.allCases)
    func defaults(role: Config.Role) throws {
        let text = uncommented(role)
        #expect(text != Config.example(role: role))
        #expect(try parse(text) == parse(Config.example(role: role)))
    }

    @Test("it holds every key of its role, behind its documentation, and no other", arguments: Config.Role.allCases)
    func complete(role: Config.Role) throws {
        let lines = Config.example(role: role).split(separator: "\n").map(String.init)
        let document = try document(uncommented(role))
        var found: [Setting.ID] = []
        for table in document.tables {
            let known = try #require(Setting.Table(rawValue: table.name))
            found += table.entries.map { Setting.ID(table: known, name: $0.key) }
        }
        #expect(found == Schema.settings.filter { $0.roles.contains(role) }.map(\.id))

        for setting in Schema.settings where setting.roles.contains(role) {
            let line = (setting.isRequired ? "" : "#") + setting.name + " = " + setting.exampleValue(for: role)
            let places = lines.indices.filter { lines[$0] == line && $0 > 0 }
            #expect(places.contains { lines[$0 - 1].hasPrefix("# \(setting.documentation)") }, "\(setting.id)")
        }
    }

    @Test("only required keys are switched on", arguments: Config.Role.allCases)
    func required(role: Config.Role) throws {
        let document = try document(Config.example(role: role))
        #expect(document.tables.flatMap(\.entries).map(\.key) == ["role", "data"])
    }

    @Test("lines are short, and the last one ends", arguments: Config.Role.allCases)
    func shape(role: Config.Role) {
        let text = Config.example(role: role)
        #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
        for line in text.split(separator: "\n") { #expect(line.count <= 120 && !line.hasSuffix(" ")) }
    }

    @Test("the files in config/ are the examples", arguments: Config.Role.allCases)
    func files(role: Config.Role) throws {
        #expect(try file("config/\(role.rawValue).toml") == Config.example(role: role))
    }

    @Test("the files in config/ are read from the disk as they are", arguments: Config.Role.allCases)
    func load(role: Config.Role) throws {
        let path = try #require(Self.repository).appending(path: "config/\(role.rawValue).toml").path
        #expect(try Config.load(file: path, home: "/home/me").role == role)
    }

    @Test("the page of documentation shows the reference")
    func reference() throws {
        #expect(try file("Sources/SpeemConfig/SpeemConfig.docc/SpeemConfig.md").contains(Config.reference))
        #expect(Config.reference.split(separator: "\n").count == Schema.settings.count + 2)
    }
}
