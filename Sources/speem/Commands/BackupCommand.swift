import ArgumentParser
import SpeemConfig
import SpeemCrypto
import SpeemStore
import SpeemTransport

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write contacts, history and settings of this device into a file.",
        discussion: """
            Only the account's recovery words open the file: speem restore makes a new device of it. The device goes on working \
            meanwhile. A node needs no backup: it holds what is on its way only.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The file to be made.")
    var file: String

    @Flag(help: "Replace a file that is there.")
    var force = false

    @Flag(help: "Print what was written as JSON.")
    var json = false

    func run() async throws {
        let config = try options.load()
        guard config.role == .device else {
            throw Failure(
                "\(config.file) is the configuration of a node, which is not backed up",
                hint: "to put another board into its place: speem nodes replace")
        }
        guard file != "-" else { throw Failure("a backup is written into a file", hint: "name one") }
        let target = try BackupTarget(file, replaces: force)
        let result: JSON
        let size: Int64
        do {
            let progress = ProgressLine()
            result = try await Caller.call("backup", config: config) { method, parameters in
                switch method {
                case "backup.part":
                    guard let bytes = Hex.decode(parameters["bytes"]?.stringValue ?? "") else {
                        throw Failure("the daemon has sent what is no part of a backup")
                    }
                    try await target.append(bytes)
                case "backup.progress":
                    progress.show(
                        "backing up", parameters["rows"]?.integerValue ?? 0, of: parameters["of"]?.integerValue ?? 0)
                default: break
                }
            }
            progress.end()
            size = await target.size
            guard size == result["bytes"]?.integerValue else {
                throw Failure("a part of the backup was lost on its way here")
            }
            try await target.finish()
        } catch {
            await target.discard()
            throw error
        }
        if json {
            return Output.line(
                JSONText.object([
                    "file": .string(file), "bytes": .integer(size), "made_ms": result["made_ms"] ?? .null,
                    "messages": result["messages"] ?? .null,
                ]))
        }
        let messages = result["messages"]?.integerValue ?? 0
        Output.line("\(file): \(messages == 1 ? "1 message" : "\(messages) messages"), \(size) bytes")
        Output.note("only the recovery words open it: speem restore \(file)")
    }
}

/// The file of a backup: under another name until it is whole and on disk.
private actor BackupTarget {
    private let path: String
    private let part: String
    private let file: any StoreFile
    /// Bytes that were written.
    private(set) var size: Int64 = 0

    init(_ path: String, replaces: Bool) throws {
        let disk = PosixFileSystem()
        guard try replaces || !disk.exists(path) else {
            throw Failure("\(path) is there already", hint: "name another file, or replace it with --force")
        }
        self.path = path
        part = path + ".part"
        if try disk.exists(part) { try disk.remove(part) }
        file = try disk.open(part, create: true)
    }

    func append(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try file.write($0, at: size) }
        size += Int64(bytes.count)
    }

    func finish() throws {
        let disk = PosixFileSystem()
        try file.sync()
        file.close()
        try disk.rename(part, to: path)
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try disk.syncFolder(folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder)
    }

    /// Nothing is left of it.
    func discard() {
        file.close()
        try? PosixFileSystem().remove(part)
    }
}
