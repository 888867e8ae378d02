import Foundation
import Testing

/// The style that a machine can see.
struct TidyTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A source file by its path in the package.
    private struct File {
        let path: String
        let lines: [String]

        /// Of a Swift file.
        var code: SwiftCode { SwiftCode(lines.joined(separator: "\n")) }
        var isGenerated: Bool { path.contains("/Generated/") }
    }

    /// Tracked text files below `folders`.
    private static func files(below folders: [String], suffixes: [String]) throws -> [File] {
        var result: [File] = []
        for folder in folders {
            let base = root.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            for name in names.sorted() where suffixes.contains(where: name.hasSuffix) {
                let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
                result.append(File(path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n")))
            }
        }
        return result
    }

    private static func sources() throws -> [File] {
        let files = try files(below: ["Sources"], suffixes: [".swift", ".c", ".h"])
        #expect(files.count > 100)
        return files
    }

    /// `try!`, `as!`, a force-unwrap and `fatalError` end the process: each needs a comment that proves it.
    @Test func nothingTrapsWithoutAProof() throws {
        for file in try Self.sources() where file.path.hasSuffix(".swift") && !file.isGenerated {
            for number in file.code.unprovenTraps {
                let line = file.lines[number - 1].trimmingCharacters(in: .whitespaces)
                Issue.record("\(file.path):\(number): \(line)")
            }
        }
    }

    /// Unchecked concurrency needs a comment that proves it.
    @Test func uncheckedConcurrencyIsProven() throws {
        for file in try Self.sources() where file.path.hasSuffix(".swift") && !file.isGenerated {
            for (index, line) in file.code.lines.enumerated() {
                guard line.code.contains("@unchecked Sendable") || line.code.contains("nonisolated(unsafe)") else {
                    continue
                }
                let near = file.lines[max(index - 3, 0)...min(index + 3, file.lines.count - 1)].joined()
                #expect(near.contains("// Sendable is sound"), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test func nothingIsLeftToDo() throws {
        let words = ["TO" + "DO", "FIX" + "ME", "not " + "implemented"]
        let folders = ["Sources", "Tests", "deploy", "docs", "config"]
        for file in try Self.files(
            below: folders, suffixes: [".swift", ".c", ".h", ".sh", ".md", ".py", ".toml", ".proto"])
        where !file.isGenerated {
            for (index, line) in file.lines.enumerated() {
                #expect(!words.contains(where: line.contains), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test func filesAreShort() throws {
        let files = try Self.files(
            below: ["Sources", "Tests", "deploy"], suffixes: [".swift", ".c", ".h", ".py", ".sh"])
        for file in files where !file.isGenerated {
            #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test func everyTargetHasAPageAtItsDoor() throws {
        let sources = Self.root.appending(path: "Sources").path
        for target in try FileManager.default.contentsOfDirectory(atPath: sources) where target.hasPrefix("Speem") {
            let page = "\(sources)/\(target)/\(target).docc/\(target).md"
            #expect(FileManager.default.fileExists(atPath: page), "\(target) has no page")
        }
    }

    @Test func everyTargetHasTests() throws {
        let sources = Self.root.appending(path: "Sources").path
        for target in try FileManager.default.contentsOfDirectory(atPath: sources) where target.hasPrefix("Speem") {
            let files = try Self.files(below: ["Tests/\(target)Tests"], suffixes: [".swift"])
            #expect(files.contains { $0.lines.contains { $0.contains("@Test") } }, "\(target) has no tests")
        }
    }

    /// README's scripts and links are there, and its `speem` commands are ones that the program has.
    @Test func whatReadmeNamesExists() throws {
        let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        for match in readme.matches(of: /deploy\/[a-z-]+\.sh/) {
            let path = Self.root.appending(path: String(match.output)).path
            #expect(FileManager.default.isExecutableFile(atPath: path), "\(match.output)")
        }
        for match in readme.matches(of: /\]\(([^)#:]+)\)/) {
            let path = Self.root.appending(path: String(match.output.1)).path
            #expect(FileManager.default.fileExists(atPath: path), "\(match.output.1)")
        }
        let main = try Self.files(below: ["Sources/speem"], suffixes: [".swift"]).flatMap(\.lines).joined(
            separator: "\n")
        var named: Set<String> = []
        for match in readme.matches(of: /(?:`|\$ )speem ([a-z]+(?:-[a-z]+)*)/) {
            named.insert(String(match.output.1))
        }
        #expect(named.count >= 10)
        for command in named {
            let declared = main.contains("commandName: \"\(command)\"")
            #expect(declared, "README names speem \(command)")
        }
    }

    /// Nothing of the machine that it was written on.
    @Test func noPathsOfOneMachine() throws {
        let paths = ["/wo" + "rk/", "/ro" + "ot/", "/opt/sw" + "ift"]
        for file in try Self.files(
            below: ["Sources", "Tests", "deploy", "docs", "config"],
            suffixes: [
                ".swift", ".sh", ".md", ".py", ".toml", ".txt",
            ])
        {
            for (index, line) in file.lines.enumerated() {
                #expect(!paths.contains(where: line.contains), "\(file.path):\(index + 1)")
            }
        }
    }
}
