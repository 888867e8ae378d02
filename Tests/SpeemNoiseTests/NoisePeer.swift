import Foundation
import SpeemCrypto

@testable import SpeemNoise

#if canImport(Glibc)
    import Glibc
    private let streamSocket = Int32(SOCK_STREAM.rawValue)
#elseif canImport(Musl)
    import Musl
    private let streamSocket = Int32(SOCK_STREAM)
#else
    import Darwin
    private let streamSocket = SOCK_STREAM
#endif

/// A running noise_peer.py and the socket to it.
final class NoisePeer {
    enum Role: String {
        case initiator
        case responder
    }

    /// The peer did not come, went, or said nothing for too long.
    enum Lost: Error {
        case noListener
        case didNotConnect
        case closed
        case silent
    }

    /// Seconds after which a peer that does not answer is lost, so that no test waits for ever.
    private static let patience = 30

    private let process = Process()
    private let descriptor: Int32

    /// Starts `python` as `role` with that party's static key, and waits for it to connect.
    init(_ role: Role, python: String, _ parties: Parties, preSharedKey: SecretBytes) throws {
        // A peer that has gone is an error of write, not the end of the tests.
        _ = signal(SIGPIPE, SIG_IGN)
        let listener = socket(AF_INET, streamSocket, 0)
        guard listener >= 0 else { throw Lost.noListener }
        defer { _ = close(listener) }
        let port = try Self.listen(on: listener)
        let own = role == .initiator ? parties.initiator : parties.responder
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "noise_peer.py")
        process.executableURL = URL(filePath: python)
        process.arguments =
            [script.path, role.rawValue, "\(port)", Hex.encode(own.secret.exposedCopy())]
            + [preSharedKey.exposedCopy(), parties.responder.publicKey.bytes, parties.prologue].map { Hex.encode($0) }
        try process.run()
        descriptor = try Self.accept(from: listener, process)
        var patience = timeval()
        patience.tv_sec = Self.patience
        let length = socklen_t(MemoryLayout<timeval>.size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, length)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, length)
    }

    deinit {
        _ = close(descriptor)
        if process.isRunning { process.terminate() }
    }

    private static func listen(on listener: Int32) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && isListening(listener)
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard listens else { throw Lost.noListener }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Waits as long as the process runs: one that ends at once, for want of a package, does not connect any more.
    private static func accept(from listener: Int32, _ process: Process) throws -> Int32 {
        for _ in 0..<(patience * 10) {
            var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            if poll(&ready, 1, 100) > 0 {
                let descriptor = accepted(from: listener)
                guard descriptor >= 0 else { throw Lost.didNotConnect }
                return descriptor
            }
            guard process.isRunning else { throw Lost.didNotConnect }
        }
        process.terminate()
        throw Lost.didNotConnect
    }

    /// Says that nothing more comes, and waits for the process to end.
    func finish() -> Int32 {
        _ = shutdown(descriptor, Int32(SHUT_WR))
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Sends a frame: 2 bytes of length, most significant first, and the message.
    func send(_ message: [UInt8]) throws {
        let frame = BigEndian.bytes(UInt16(message.count)) + message
        var done = 0
        while done < frame.count {
            let count = frame[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Lost.closed }
            done += count
        }
    }

    /// Receives the message of a frame.
    func receive() throws -> [UInt8] {
        var header = ByteReader(try exactly(2))
        return try exactly(Int(header.readBigEndian(UInt16.self)))
    }

    private func exactly(_ wanted: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < wanted {
            var part = [UInt8](repeating: 0, count: wanted - bytes.count)
            let count = part.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw errno == EAGAIN ? Lost.silent : Lost.closed }
            guard count > 0 else { throw Lost.closed }
            bytes += part[..<count]
        }
        return bytes
    }
}

// Inside the class these names are its own.
private func isListening(_ listener: Int32) -> Bool { listen(listener, 1) == 0 }

private func accepted(from listener: Int32) -> Int32 { accept(listener, nil, nil) }
