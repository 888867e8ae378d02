import Testing

@testable import SpeemConfig

@Suite("ConfigPaths")
struct ConfigPathsTests {
    private let place = Position(line: 1, column: 1)

    @Test(
        "the folder of a file",
        arguments: [
            ("speem.toml", ""), ("/speem.toml", "/"), ("/etc/speem.toml", "/etc"), ("conf/speem.toml", "conf"),
            ("./speem.toml", "."), ("/a/b/", "/a/b"), ("", ""),
        ])
    func folder(path: String, expected: String) {
        #expect(ConfigPaths.folder(of: path) == expected)
    }

    @Test(
        "paths are resolved",
        arguments: [
            ("/var/lib/speem", "/var/lib/speem"), ("/", "/"), ("//", "/"), ("/a//b/./c/", "/a/b/c"),
            ("/a/../b", "/a/../b"),
            ("data", "/etc/speem/data"), ("./data", "/etc/speem/data"), ("../data", "/etc/speem/../data"),
            (".", "/etc/speem"), ("a/~/b", "/etc/speem/a/~/b"), ("~", "/home/me"), ("~/", "/home/me"),
            ("~/speem", "/home/me/speem"), ("~//speem/", "/home/me/speem"), ("./~me", "/etc/speem/~me"),
            ("é/😀", "/etc/speem/é/😀"), ("...", "/etc/speem/..."), (".hidden", "/etc/speem/.hidden"),
        ])
    func resolve(text: String, expected: String) throws {
        let paths = ConfigPaths(folder: "/etc/speem", home: "/home/me/")
        #expect(try paths.resolve(text, at: place) == expected)
    }

    @Test("without a folder a relative path stays one")
    func noFolder() throws {
        let paths = ConfigPaths(folder: "", home: nil)
        #expect(try paths.resolve("a/./b", at: place) == "a/b")
        #expect(try paths.resolve(".", at: place) == ".")
        #expect(try paths.resolve("/a", at: place) == "/a")
    }

    @Test("an accent after a slash or tilde is part of the name")
    func combining() throws {
        let paths = ConfigPaths(folder: "/f", home: "/h")
        #expect(try paths.resolve("/\u{301}a", at: place).unicodeScalars.elementsEqual("/\u{301}a".unicodeScalars))
        #expect(try paths.resolve("~/\u{301}", at: place).unicodeScalars.elementsEqual("/h/\u{301}".unicodeScalars))
        #expect(ConfigPaths.folder(of: "/a/\u{301}b") == "/a")
    }

    @Test("an unknown home is refused", arguments: [nil, "", "relative"])
    func noHome(home: String?) {
        let paths = ConfigPaths(folder: "/etc", home: home)
        for text in ["~", "~/speem"] {
            let fault = #expect(throws: Fault.self) { try paths.resolve(text, at: place) }
            #expect(fault?.code == .badValue)
            #expect(fault?.reason.contains("the home folder is not known") == true)
            #expect(fault?.position == place)
        }
    }

    @Test("another user's home is refused", arguments: ["~alice", "~alice/speem", "~~"])
    func otherHome(text: String) {
        let paths = ConfigPaths(folder: "/etc", home: "/home/me")
        let fault = #expect(throws: Fault.self) { try paths.resolve(text, at: place) }
        #expect(fault?.hint == "write the whole path; only '~/' stands for a home folder")
    }

    // MARK: - In a file

    @Test("relative paths begin at the folder of the file")
    func relative() throws {
        let text = "role = 'node'\ndata = 'd'\n[store]\nkey_file = '../k'\n[control]\nsocket = 's'"
        let config = try parse(text, file: "/srv/speem/node.toml")
        #expect(config.dataFolder == "/srv/speem/d")
        #expect(config.keyFile == "/srv/speem/../k")
        #expect(config.controlSocket == "/srv/speem/s")
    }

    @Test("key and socket are in the data folder unless told otherwise, and an empty string tells nothing")
    func defaults() throws {
        for text in ["", "[store]\nkey_file = ''\n[control]\nsocket = ''"] {
            let config = try parse("role = 'node'\ndata = '~/speem/'\n" + text)
            #expect(config.keyFile == "/home/me/speem/store.key")
            #expect(config.controlSocket == "/home/me/speem/control.sock")
        }
    }

    @Test("the data folder must not be empty")
    func emptyData() {
        let error = parseError("role = 'node'\ndata = ''")
        #expect(error?.code == .badValue)
        #expect(error?.position == Position(line: 2, column: 8))
    }

    @Test("a socket's path that is too long is refused where it is written")
    func socketPath() throws {
        let limit = Schema.maximumSocketPath
        let path = "/" + String(repeating: "s", count: limit - 1)
        #expect(try node("[control]\nsocket = '\(path)'").controlSocket == path)
        let error = nodeError("[control]\nsocket = '\(path)s'")
        #expect(error?.code == .outOfRange)
        #expect(error?.position == Position(line: 4, column: 10))
        #expect(error?.reason == "the path of 'socket' in [control] is \(limit + 1) bytes long, the limit is \(limit)")
        #expect(error?.hint == "set socket in [control] to a shorter path, such as /run/speem/control.sock")
    }

    @Test("a socket's path counts after it was resolved, in bytes")
    func resolvedSocketPath() {
        let limit = Schema.maximumSocketPath
        #expect(nodeError("[control]\nsocket = '~/\(String(repeating: "s", count: limit - 5))'")?.code == .outOfRange)
        #expect(
            nodeError("[control]\nsocket = '/\(String(repeating: "é", count: limit / 2 + 1))'")?.code == .outOfRange)
    }

    @Test("a data folder that makes the socket's path too long is refused at the data folder")
    func dataFolder() throws {
        let folder = "/" + String(repeating: "d", count: 100)
        let error = parseError("role = 'node'\n data = '\(folder)'")
        #expect(error?.code == .outOfRange)
        #expect(error?.position == Position(line: 2, column: 9))
        #expect(error?.hint?.hasPrefix("set socket in [control]") == true)
        let config = try parse("role = 'node'\ndata = '\(folder)'\n[control]\nsocket = '/run/s'")
        #expect(config.dataFolder == folder)
    }

    @Test("other paths have 1,023 bytes at the most")
    func otherPaths() throws {
        let path = "/" + String(repeating: "k", count: 1_022)
        #expect(try node("[store]\nkey_file = '\(path)'").keyFile == path)
        let error = nodeError("[store]\nkey_file = '\(path)k'")
        #expect(error?.code == .outOfRange)
        #expect(error?.position == Position(line: 4, column: 12))
    }
}
