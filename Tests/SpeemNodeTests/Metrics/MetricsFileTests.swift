import Foundation
import Testing

@testable import SpeemNode

/// The file that another program reads whenever it likes.
struct MetricsFileTests {
    private final class Folder {
        let path = "/tmp/speem-metrics-\(UInt64.random(in: 0 ... .max))"

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        var names: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []) }
    }

    @Test func aNewOneTakesThePlaceOfTheOld() throws {
        let folder = try Folder()
        let file = MetricsFile(path: folder.path + "/speem.prom")
        try file.write(String(repeating: "long 1\n", count: 10_000))
        // Who has it open reads the old one to its end.
        let reader = try #require(FileHandle(forReadingAtPath: file.path))
        try file.write("short 1\n")
        #expect(try reader.readToEnd()?.count == 70_000)
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "short 1\n")
        #expect(folder.names == ["speem.prom"])
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o644)
    }

    @Test func whatLiesInTheWayIsNotFollowed() throws {
        let folder = try Folder()
        let file = MetricsFile(path: folder.path + "/speem.prom")
        let victim = folder.path + "/victim"
        try Data("precious".utf8).write(to: URL(filePath: victim))
        try FileManager.default.createSymbolicLink(atPath: file.path + ".new", withDestinationPath: victim)
        try file.write("a 1\n")
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
        #expect(folder.names == ["speem.prom", "victim"])
    }

    @Test func whatCannotBeWrittenIsSaidAndLeavesNothing() throws {
        let folder = try Folder()
        #expect(throws: MetricsFile.Failure.self) { try MetricsFile(path: folder.path + "/not/there").write("a 1\n") }
        // A folder is in its place.
        try FileManager.default.createDirectory(
            atPath: folder.path + "/speem.prom/x", withIntermediateDirectories: true)
        #expect(throws: MetricsFile.Failure.self) { try MetricsFile(path: folder.path + "/speem.prom").write("a 1\n") }
        #expect(folder.names == ["speem.prom"])
    }
}
