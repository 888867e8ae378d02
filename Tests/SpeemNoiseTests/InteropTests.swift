import Foundation
import SpeemCrypto
import Testing

@testable import SpeemNoise

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Handshakes with the Python package noiseprotocol over a real socket.
@Suite(.enabled(if: Repository.python != nil, "SPEEM_PYTHON names no Python with noiseprotocol"), .serialized)
struct InteropTests {
    private let parties = Parties()

    @Test func swiftInitiates() throws {
        let peer = try Peer(role: "responder", parties, preSharedKey: parties.preSharedKey)
        let waiting = try parties.initiatorHandshake().writeMessage(Array("from swift".utf8))
        try peer.send(waiting.message)
        let established = try waiting.readMessage(try peer.receive())
        #expect(established.payload == Array("from python".utf8))
        var transport = established.intoTransport()
        try exchange(&transport, peer)
    }

    @Test func pythonInitiates() throws {
        let peer = try Peer(role: "initiator", parties, preSharedKey: parties.preSharedKey)
        let identified = try parties.responderHandshake().readInitiatorStatic(try peer.receive())
        #expect(identified.initiatorStatic == parties.initiator.publicKey)
        let authenticated = try identified.authenticate()
        #expect(authenticated.payload == Array("from python".utf8))
        let established = try authenticated.writeMessage(
            Array("from swift".utf8), preSharedKey: parties.preSharedKey, random: SystemRandomSource())
        try peer.send(established.message)
        var transport = established.intoTransport()
        try exchange(&transport, peer)
    }

    /// 200 messages both ways, of every kind of size, and a rekey in the middle.
    private func exchange(_ transport: inout NoiseTransport, _ peer: Peer) throws {
        var generator = SeededGenerator(seed: 1)
        for number in 0..<200 {
            let size =
                number == 0 ? 0 : number == 1 ? NoiseLimits.payloadLength : Int.random(in: 1...2000, using: &generator)
            let payload = generator.bytes(size)
            try peer.send(try transport.encrypt(payload))
            #expect(try transport.decrypt(peer.receive()) == payload.reversed())
            guard number == 100 else { continue }
            try peer.send(try transport.encrypt(Array("rekey".utf8)))
            #expect(try transport.decrypt(peer.receive()) == Array("yeker".utf8))
            transport.rekeySending()
            transport.rekeyReceiving()
        }
        peer.close()
        #expect(peer.exitCode() == 0)
    }

    @Test func anotherPreSharedKeyFailsOnBothSides() throws {
        let wrong = SystemRandomSource().secret(32)
        let responder = try Peer(role: "responder", parties, preSharedKey: wrong)
        let waiting = try parties.initiatorHandshake().writeMessage(Array("from swift".utf8))
        try responder.send(waiting.message)
        let reply = try responder.receive()
        #expect(refusal(of: reply, by: waiting) == .authenticationFailed)
        responder.close()

        let initiator = try Peer(role: "initiator", parties, preSharedKey: wrong)
        let answer = try parties.responderHandshake().readInitiatorStatic(try initiator.receive()).authenticate()
            .writeMessage([], preSharedKey: parties.preSharedKey, random: SystemRandomSource())
        try initiator.send(answer.message)
        #expect(initiator.exitCode() == 4)
    }
}

/// noise_peer.py and the socket to it.
private final class Peer {
    struct Lost: Error {}

    private let process = Process()
    private var descriptor: Int32 = -1

    init(role: String, _ parties: Parties, preSharedKey: SecretBytes) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = Glibc.close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw Lost() }
        let own = role == "initiator" ? parties.initiator : parties.responder
        process.executableURL = URL(filePath: try #require(Repository.python))
        process.arguments =
            [Repository.root.appending(path: "Tests/SpeemNoiseTests/noise_peer.py").path, role]
            + ["\(UInt16(bigEndian: address.sin_port))", Hex.encode(own.secret.exposedCopy())]
            + [Hex.encode(preSharedKey.exposedCopy()), Hex.encode(parties.responder.publicKey.bytes)]
            + [Hex.encode(parties.prologue)]
        process.standardError = FileHandle.nullDevice
        try process.run()
        descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { throw Lost() }
    }

    deinit {
        close()
        if process.isRunning { process.terminate() }
    }

    func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    func exitCode() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    func send(_ message: [UInt8]) throws {
        let frame = BigEndian.bytes(UInt16(message.count)) + message
        var done = 0
        while done < frame.count {
            let count = frame.withUnsafeBytes {
                write(descriptor, $0.baseAddress.map { $0 + done }, frame.count - done)
            }
            guard count > 0 else { throw Lost() }
            done += count
        }
    }

    func receive() throws -> [UInt8] {
        let header = try exactly(2)
        return try exactly(Int(header[0]) << 8 | Int(header[1]))
    }

    private func exactly(_ wanted: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: wanted)
        var done = 0
        while done < wanted {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + done }, wanted - done)
            }
            guard count > 0 else { throw Lost() }
            done += count
        }
        return bytes
    }
}
