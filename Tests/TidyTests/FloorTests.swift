import Foundation
import Testing

/// Imports only go down (design, section 4), in the sources and in Package.swift.
struct FloorTests {
    static let floors: [String: Int] = [
        "CSodium": 0, "CSQLite": 0, "CAvahi": 0, "CStaticShims": 0,
        "SpeemCrypto": 1,
        "SpeemNoise": 2, "SpeemCPace": 2, "SpeemStore": 2, "SpeemProtocol": 2, "SpeemConfig": 2, "SpeemQR": 2,
        "SpeemIdentity": 3, "SpeemSessions": 3, "SpeemSync": 3, "SpeemMailbox": 3, "SpeemSpool": 3,
        "SpeemTransport": 4, "SpeemDiscovery": 4, "SpeemSystemd": 4,
        "SpeemNode": 5, "SpeemDevice": 5, "SpeemDoctor": 5,
        "speem": 6, "speem-benchmark": 6,
    ]

    /// A use within one floor.
    struct Edge: Hashable, CustomStringConvertible {
        let from: String
        let to: String

        var description: String { "\(from) → \(to)" }
    }

    /// Sessions are between devices that the roster lists, and what devices share is about them and about contacts.
    static let sameFloor: Set<Edge> = [
        Edge(from: "SpeemSessions", to: "SpeemIdentity"), Edge(from: "SpeemSync", to: "SpeemIdentity"),
    ]

    /// Dependencies that are linked for what they define and imported by nobody.
    static let linkedOnly: Set<Edge> = []

    /// Why `edge` may not be; nil when it may.
    static func objection(to edge: Edge) -> String? {
        guard let from = floors[edge.from] else { return "\(edge.from) is on no floor" }
        guard let to = floors[edge.to] else { return nil }
        return to < from || sameFloor.contains(edge) ? nil : "\(edge) goes from floor \(from) to \(to)"
    }

    /// The modules that a file imports.
    static func imports(_ text: String) -> [String] {
        let pattern =
            /^\s*(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|var|let)\s+)?(\w+)/
        return SwiftCode(text).lines.compactMap { line in
            line.code.firstMatch(of: pattern).map { String($0.output.1) }
        }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func targets() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path).sorted()
            .filter { !$0.hasPrefix(".") }
    }

    /// Every import of a module of this package in Sources.
    private static func importsOfSources() throws -> Set<Edge> {
        var edges: Set<Edge> = []
        for target in try targets() {
            let folder = root.appending(path: "Sources").appending(path: target)
            let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
            for name in names where name.hasSuffix(".swift") {
                let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
                for module in imports(text) where floors[module] != nil { edges.insert(Edge(from: target, to: module)) }
            }
        }
        return edges
    }

    /// Every dependency on a target of this package that Package.swift declares for a target with sources.
    private static func dependenciesOfPackage() throws -> Set<Edge> {
        let text = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        let declared = /(?:floor\(|executableTarget\(\s*name:)\s*"([\w-]+)",\s*(?:dependencies:\s*)?\[((?:[^\[\]])*)\]/
        var edges: Set<Edge> = []
        for match in text.matches(of: declared) {
            // What belongs to another package is named in a call.
            let own = match.output.2.replacing(/\.\w+\([^)]*\)/, with: "")
            for name in own.matches(of: /"([\w-]+)"/) {
                edges.insert(Edge(from: String(match.output.1), to: String(name.output.1)))
            }
        }
        return edges
    }

    @Test func everyTargetIsOnAFloor() throws {
        #expect(Set(try Self.targets()) == Set(Self.floors.keys))
    }

    @Test func importsOnlyGoDown() throws {
        let edges = try Self.importsOfSources()
        #expect(edges.count > 40)
        for edge in edges { #expect(Self.objection(to: edge) == nil) }
        #expect(Self.sameFloor.isSubset(of: edges), "an exception that nobody needs")
    }

    @Test func packageDeclaresWhatIsImportedAndNothingElse() throws {
        let declared = try Self.dependenciesOfPackage()
        for edge in declared { #expect(Self.objection(to: edge) == nil) }
        let imported = try Self.importsOfSources()
        for edge in imported.subtracting(declared) { Issue.record("\(edge) is imported and not declared") }
        for edge in declared.subtracting(imported).subtracting(Self.linkedOnly) {
            Issue.record("\(edge) is declared and not imported")
        }
    }

    // MARK: - The rules find what they look for

    @Test func everyFormOfImportIsSeen() {
        let text = """
            import A
            public import B
            @testable import C
            @preconcurrency public import D
            import struct E.F
              import G // why
            // import H
            let text = "import I"
            @_spi(Test) import J
            let important = 1
            """
        #expect(Self.imports(text) == ["A", "B", "C", "D", "E", "G", "J"])
    }

    @Test func whatGoesUpOrAcrossIsRefused() {
        for (from, to) in [
            ("SpeemCrypto", "SpeemNoise"), ("SpeemIdentity", "SpeemSessions"), ("SpeemStore", "SpeemProtocol"),
            ("SpeemNode", "SpeemDevice"), ("SpeemTransport", "SpeemNode"), ("CStaticShims", "CAvahi"),
            ("New", "CSodium"),
        ] { #expect(Self.objection(to: Edge(from: from, to: to)) != nil, "\(from) → \(to)") }
        for (from, to) in [
            ("SpeemNoise", "SpeemCrypto"), ("SpeemSessions", "SpeemIdentity"), ("speem", "SpeemQR"),
            ("speem", "NIOCore"),
        ] { #expect(Self.objection(to: Edge(from: from, to: to)) == nil, "\(from) → \(to)") }
    }
}
