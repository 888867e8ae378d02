import SpeemCrypto
import SpeemNoise
import SpeemProtocol

/// The initiator's side of a connection: Noise messages in, decisions out. No I/O, no clock.
struct InitiatorEngine: ~Copyable {
    private enum State: ~Copyable {
        case waiting(InitiatorHandshake.Waiting)
        case open(NoiseTransport)
        case closed
    }

    /// What to do after a message.
    enum Output: Sendable {
        case opened
        case response(id: UInt64, WireResponse)
        case push(WirePush)
        case closed(WireClose)
        /// A part of a longer message.
        case nothing
        /// The peer is not who it should be, or broke the protocol: close.
        case failed(String)
    }

    /// The first message, to be sent.
    let hello: [UInt8]
    private var state: State
    private var assembler: MessageAssembler

    /// - Parameter counter: above all that were used with this key before.
    init(
        staticKey: X25519.PrivateKey, remoteStatic: X25519.PublicKey, preSharedKey: SecretBytes, counter: UInt64,
        random: some RandomSource
    ) throws(NoiseError) {
        let handshake = try InitiatorHandshake(
            staticKey: staticKey, remoteStatic: remoteStatic, preSharedKey: preSharedKey,
            prologue: TransportLimits.prologue, random: random)
        let waiting = try handshake.writeMessage(BigEndian.bytes(counter))
        // Only now: Swift 6.2 destroys a property of a noncopyable type twice when its initialiser throws after it was set.
        assembler = .initiator
        hello = waiting.message
        state = .waiting(waiting)
    }

    /// Takes the next Noise message.
    ///
    /// - Parameter isAwaited: whether the request of an id still waits for its answer.
    mutating func receive(_ message: [UInt8], isAwaited: (UInt64) -> Bool = { _ in true }) -> Output {
        var current = State.closed
        swap(&current, &state)
        switch consume current {
        case .waiting(let handshake):
            do throws(NoiseError) {
                state = .open(try handshake.readMessage(message).intoTransport())
                return .opened
            } catch {
                return .failed("\(error)")
            }
        case .open(var transport):
            let output = receive(message, &transport, isAwaited: isAwaited)
            state = .open(transport)
            return output
        case .closed: return .nothing
        }
    }

    /// Encrypts a frame for the peer.
    ///
    /// - Returns: nil when the connection is not open.
    mutating func encrypt(_ frame: WireFrame) -> [UInt8]? {
        var current = State.closed
        swap(&current, &state)
        switch consume current {
        case .waiting(let handshake):
            state = .waiting(handshake)
            return nil
        case .open(var transport):
            let message = try? transport.encrypt(frame.encode())
            state = .open(transport)
            return message
        case .closed: return nil
        }
    }

    mutating func close() { state = .closed }

    private mutating func receive(
        _ message: [UInt8], _ transport: inout NoiseTransport, isAwaited: (UInt64) -> Bool
    ) -> Output {
        guard let bytes = try? transport.decrypt(message) else {
            return .failed("a transport message does not authenticate")
        }
        do {
            let frame = try WireFrame.decode(bytes)
            // Before its first part is kept.
            guard frame.kind != .response || isAwaited(frame.id) else {
                return .failed("an answer to \(frame.id), which waits for none")
            }
            guard let whole = try assembler.add(frame) else { return .nothing }
            switch whole.kind {
            case .response: return .response(id: whole.id, try WireResponse.decode(whole.bytes))
            case .push: return .push(try WirePush.decode(whole.bytes))
            case .close: return .closed(try WireClose.decode(whole.bytes))
            case .request, .unspecified, .UNRECOGNIZED: return .failed("a frame of another kind")
            }
        } catch {
            return .failed("\(error)")
        }
    }
}
