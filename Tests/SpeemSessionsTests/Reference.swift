import Foundation
import SpeemCrypto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The second implementation of sealed messages, in Python: reference/reference.py.
enum Reference {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    static let vectors = folder.appending(path: "vectors")
    static let script = folder.appending(path: "reference").appending(path: "reference.py")
    /// A Python with Tests/interop/requirements.txt.
    static let python = ProcessInfo.processInfo.environment["SPEEM_PYTHON"]
    static let reason = "SPEEM_PYTHON names no Python with PyNaCl and kyber-py"

    /// Runs `reference.py check` over a folder; its status and its words.
    static func check(_ folder: URL, python: String) throws -> (status: Int32, words: String) {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [script.path, "check", folder.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let words = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: words, as: UTF8.self))
    }
}

/// A running `reference.py serve`: a device with one account, which a test asks to seal and to open.
final class ReferencePeer {
    /// The peer went, said nothing for too long, or said something that is no answer.
    enum Lost: Error {
        case closed
        case silent
        case unreadable(String)
    }

    /// The peer did not take a message, for the reason that the Swift error would have.
    struct Refused: Error, Equatable {
        let reason: String
    }

    /// Seconds after which a peer that does not answer is lost, so that no test waits for ever. ML-KEM takes Python long.
    private static let patience: Int32 = 60

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var buffered: [UInt8] = []

    init(python: String) throws {
        // A peer that has gone is an error of write, not the end of the tests.
        _ = signal(SIGPIPE, SIG_IGN)
        process.executableURL = URL(filePath: python)
        process.arguments = [Reference.script.path, "serve"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // Where the child has ended, reading must find the end.
        try output.fileHandleForWriting.close()
        try input.fileHandleForReading.close()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        if process.isRunning { process.terminate() }
    }

    /// What the peer answers to `request`.
    ///
    /// - Throws: ``Refused``, ``Lost``.
    func ask(_ request: [String: Any]) throws -> Answer {
        let line = try JSONSerialization.data(withJSONObject: request) + [UInt8(ascii: "\n")]
        do { try input.fileHandleForWriting.write(contentsOf: line) } catch { throw Lost.closed }
        let answer = try readLine()
        guard let members = try? JSONSerialization.jsonObject(with: Data(answer)) as? [String: Any] else {
            throw Lost.unreadable(String(decoding: answer, as: UTF8.self))
        }
        if let reason = members["refused"] as? String { throw Refused(reason: reason) }
        return Answer(members: members)
    }

    private func readLine() throws -> [UInt8] {
        while true {
            if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffered.removeSubrange(...end) }
                return Array(buffered[..<end])
            }
            let descriptor = output.fileHandleForReading.fileDescriptor
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, Self.patience * 1_000) > 0 else { throw Lost.silent }
            var part = [UInt8](repeating: 0, count: 65_536)
            let count = part.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Lost.closed }
            buffered += part[..<count]
        }
    }

    /// The members of an answer; all bytes are hexadecimal.
    struct Answer {
        fileprivate let members: [String: Any]

        func bytes(_ name: String) throws -> [UInt8] {
            guard let bytes = try optionalBytes(name) else { throw Lost.unreadable("no \(name)") }
            return bytes
        }

        func optionalBytes(_ name: String) throws -> [UInt8]? {
            guard let member = members[name], !(member is NSNull) else { return nil }
            guard let text = member as? String, let bytes = Hex.decode(text) else { throw Lost.unreadable(name) }
            return bytes
        }

        func heads() throws -> [[UInt8]] {
            guard let texts = members["heads"] as? [String] else { throw Lost.unreadable("heads") }
            return texts.compactMap { Hex.decode($0) }
        }
    }
}
