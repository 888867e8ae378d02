import Foundation
import Testing

@testable import SpeemConfig

@Suite("Config.load")
struct ConfigLoadingTests {
    /// Runs `body` with a new folder that is gone afterwards.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "speem-config-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func write(_ bytes: [UInt8], to path: String) {
        #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
    }

    private func loadError(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) -> ConfigError? {
        #expect(throws: ConfigError.self, sourceLocation: sourceLocation) { try Config.load(file: path, home: nil) }
    }

    @Test("a file is read, and its relative paths begin at its folder")
    func valid() throws {
        try withFolder { folder in
            write(Array("role = 'node'\ndata = 'data'\n".utf8), to: folder + "/speem.toml")
            let config = try Config.load(file: folder + "/speem.toml", home: nil)
            #expect(config.file == folder + "/speem.toml")
            #expect(config.dataFolder == folder + "/data")
        }
    }

    @Test("a relative path begins at the current folder, and errors show it as it was given")
    func relative() throws {
        let here = FileManager.default.currentDirectoryPath
        try withFolder { folder in
            write(Array("role = 'node'\ndata = 'data'\n".utf8), to: folder + "/speem.toml")
            write(Array("role = 1".utf8), to: folder + "/bad.toml")
            let up = String(repeating: "../", count: here.split(separator: "/").count)
            let relative = up + folder.dropFirst()
            let config = try Config.load(file: relative + "/speem.toml", home: nil)
            #expect(config.file == here + "/" + relative + "/speem.toml")
            #expect(config.dataFolder == here + "/" + relative + "/data")
            #expect(loadError(relative + "/bad.toml")?.file == relative + "/bad.toml")
        }
    }

    @Test("a missing file is refused with what to do")
    func missing() {
        let error = loadError("/nonexistent/speem.toml")
        #expect(error?.code == .unreadable)
        #expect(error?.description == "/nonexistent/speem.toml: there is no such file")
        #expect(error?.hint == "'speem config example' prints one to begin with")
    }

    @Test("a folder is refused")
    func folder() throws {
        try withFolder { folder in
            #expect(loadError(folder)?.code == .unreadable)
            #expect(loadError(folder)?.reason == "it is a folder, not a file")
        }
    }

    @Test("a path through a file, a loop of links, and one that is too long are refused")
    func strangePaths() throws {
        try withFolder { folder in
            write([0x61], to: folder + "/file")
            #expect(loadError(folder + "/file/speem.toml")?.reason == "a part of the path is not a folder")
            try FileManager.default.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder + "/loop")
            #expect(loadError(folder + "/loop")?.reason == "too many symbolic links")
            #expect(loadError(folder + "/" + String(repeating: "a", count: 300))?.reason == "the path is too long")
        }
        for path in ["", "/etc/hosts\0.toml"] { #expect(loadError(path)?.code == .unreadable) }
    }

    @Test("a file without permission is refused", .disabled(if: getuid() == 0, "root may read everything"))
    func permission() throws {
        try withFolder { folder in
            write(Array(fullNode.utf8), to: folder + "/speem.toml")
            #expect(chmod(folder + "/speem.toml", 0) == 0)
            #expect(loadError(folder + "/speem.toml")?.reason == "permission denied")
        }
    }

    @Test("an empty file is refused")
    func empty() throws {
        try withFolder { folder in
            write([], to: folder + "/speem.toml")
            #expect(loadError(folder + "/speem.toml")?.description == "\(folder)/speem.toml: the file is empty")
            #expect(loadError("/dev/null")?.code == .empty)
        }
    }

    @Test("a binary is refused")
    func binary() throws {
        let error = loadError("/bin/sh")
        #expect(error?.code == .notText || error?.code == .tooLarge)
        try withFolder { folder in
            write([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0], to: folder + "/speem.toml")
            #expect(loadError(folder + "/speem.toml")?.code == .notText)
        }
    }

    @Test("64 KiB are read, one byte more is not")
    func limit() throws {
        try withFolder { folder in
            let text = Array("role = 'node'\ndata = '/d'\n#".utf8)
            let full = text + [UInt8](repeating: 0x61, count: Config.maximumFileSize - text.count)
            write(full, to: folder + "/full.toml")
            let config = try Config.load(file: folder + "/full.toml", home: nil)
            #expect(config.role == .node)
            write(full + [0x61], to: folder + "/over.toml")
            let error = loadError(folder + "/over.toml")
            #expect(error?.code == .tooLarge)
            #expect(error?.reason == "the file is larger than 64 KiB")
            #expect(parseErrorCode(full + [0x61]) == .tooLarge)
        }
    }

    private func parseErrorCode(_ bytes: [UInt8]) -> ConfigError.Code? {
        #expect(throws: ConfigError.self) { try Config.parse(bytes, file: "speem.toml", home: nil) }?.code
    }

    @Test("10 MB and a file without end are refused unread")
    func huge() throws {
        try withFolder { folder in
            write([UInt8](repeating: 0x23, count: 10_000_000), to: folder + "/speem.toml")
            #expect(loadError(folder + "/speem.toml")?.code == .tooLarge)
        }
        // Each would fill the memory of any machine if it were read to its end.
        #expect(loadError("/dev/zero")?.code == .tooLarge)
        #expect(loadError("/dev/urandom")?.code == .tooLarge)
    }

    @Test("a pipe that nobody writes to does not hang")
    func idlePipe() throws {
        try withFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(loadError(folder + "/pipe")?.code == .empty)
        }
    }

    @Test("a pipe as a shell makes it is read to its end, however small its pieces")
    func pipe() throws {
        let pipe = Pipe()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        let writer = pipe.fileHandleForWriting
        let thread = Thread {
            for byte in fullNode.utf8 { writer.write(Data([byte])) }
            try? writer.close()
        }
        thread.start()
        #expect(try Config.load(file: path, home: "/home/me").name == "Küche \"1\"")
    }

    @Test("descriptors are closed, whatever happens")
    func descriptors() throws {
        func next() -> Int32 {
            let descriptor = open("/dev/null", O_RDONLY)
            close(descriptor)
            return descriptor
        }
        try withFolder { folder in
            write(Array(fullNode.utf8), to: folder + "/speem.toml")
            let before = next()
            for _ in 0..<2_000 {
                _ = try Config.load(file: folder + "/speem.toml", home: "/h")
                _ = loadError(folder)
                _ = loadError("/dev/null")
            }
            // Other tests run beside this one and open a few.
            #expect(next() < before + 500)
        }
    }
}
