import SpeemCrypto
import SpeemNoise
import SpeemProtocol

/// The responder's side of a connection: Noise messages in, decisions out. No I/O, no clock.
struct ResponderEngine: ~Copyable {
    private enum State: ~Copyable {
        /// Nothing has come yet.
        case hello(ResponderHandshake)
        /// The handshake is answered; the initiator has not proven that it is alive.
        case confirming(NoiseTransport, AccessGrant)
        case open(NoiseTransport, AccessGrant)
        case closed
    }

    /// What to do after a message.
    enum Output: Sendable {
        /// Send the handshake's second message.
        case reply([UInt8])
        /// The first transport message decrypted, and maybe completed a request.
        case opened(AccessGrant, Incoming?)
        case incoming(Incoming)
        /// A part of a longer message.
        case nothing
        /// Close without a byte: whoever it is learns nothing.
        case silence(String)
        /// Close, and tell the peer, which holds a grant, why.
        case reject(WireClose)
    }

    /// What a peer said.
    enum Incoming: Sendable {
        /// `size` counts against what may wait unanswered.
        case request(id: UInt64, WireRequest, size: Int)
        /// A request that does not decode: it is refused, and the connection goes on.
        case malformed(id: UInt64, WireError)
        case close(WireClose)
    }

    private var state: State
    private var assembler = MessageAssembler.responder

    init(staticKey: X25519.PrivateKey) {
        state = .hello(ResponderHandshake(staticKey: staticKey, prologue: TransportLimits.prologue))
    }

    /// Takes the next Noise message.
    mutating func receive(_ message: [UInt8], access: any AccessTable, random: some RandomSource) -> Output {
        var current = State.closed
        swap(&current, &state)
        switch consume current {
        case .hello(let handshake):
            do throws(HandshakeFailure) {
                let answer = try Self.answer(handshake, message, access: access, random: random)
                let reply = answer.reply
                let grant = answer.grant
                state = .confirming(answer.intoTransport(), grant)
                return .reply(reply)
            } catch {
                // One path for every failure of the handshake: no byte.
                return .silence(error.words)
            }
        case .confirming(var transport, let grant):
            let output = receive(message, &transport)
            state = .open(transport, grant)
            switch output {
            case .incoming(let incoming): return .opened(grant, incoming)
            case .nothing: return .opened(grant, nil)
            case .reply, .opened, .silence, .reject:
                state = .closed
                return output
            }
        case .open(var transport, let grant):
            let output = receive(message, &transport)
            state = .open(transport, grant)
            return output
        case .closed: return .nothing
        }
    }

    /// Encrypts frames for the peer.
    ///
    /// - Returns: nil when the connection is not open.
    mutating func encrypt(_ frame: WireFrame) -> [UInt8]? {
        var current = State.closed
        swap(&current, &state)
        switch consume current {
        case .hello(let handshake):
            state = .hello(handshake)
            return nil
        case .confirming(let transport, let grant):
            state = .confirming(transport, grant)
            return nil
        case .open(var transport, let grant):
            let message = try? transport.encrypt(frame.encode())
            state = .open(transport, grant)
            return message
        case .closed: return nil
        }
    }

    mutating func close() { state = .closed }

    // MARK: Handshake

    /// Private words for the log; the peer gets none.
    private struct HandshakeFailure: Error {
        let words: String
    }

    private struct Answer: ~Copyable {
        let reply: [UInt8]
        let grant: AccessGrant
        private let transport: NoiseTransport

        init(reply: [UInt8], grant: AccessGrant, transport: consuming NoiseTransport) {
            self.reply = reply
            self.grant = grant
            self.transport = transport
        }

        consuming func intoTransport() -> NoiseTransport { transport }
    }

    private static func answer(
        _ handshake: consuming ResponderHandshake, _ message: [UInt8], access: any AccessTable,
        random: some RandomSource
    ) throws(HandshakeFailure) -> Answer {
        do {
            let identified = try identify(handshake, message, access: access)
            // Before the second Diffie-Hellman: a stranger costs one.
            guard let grant = access.grant(for: identified.initiatorStatic) else {
                throw HandshakeFailure(words: "the initiator key is unknown")
            }
            let authenticated = try identified.authenticate()
            var reader = ByteReader(authenticated.payload)
            guard let counter = try? reader.readBigEndian(UInt64.self), reader.remaining == 0 else {
                throw HandshakeFailure(words: "the first message holds no counter")
            }
            guard access.admit(grant, counter: counter) else {
                throw HandshakeFailure(words: "the counter \(counter) was used before: a replay, or an old copy")
            }
            let established = try authenticated.writeMessage([], preSharedKey: grant.preSharedKey, random: random)
            let reply = established.message
            return Answer(reply: reply, grant: grant, transport: established.intoTransport())
        } catch let failure as HandshakeFailure {
            throw failure
        } catch {
            throw HandshakeFailure(words: "\(error)")
        }
    }

    /// Reads who knocks, under the one static key or the other.
    private static func identify(
        _ handshake: consuming ResponderHandshake, _ message: [UInt8], access: any AccessTable
    ) throws(NoiseError) -> ResponderHandshake.Identified {
        do {
            return try handshake.readInitiatorStatic(message)
        } catch {
            guard let other = access.temporaryStaticKey else { throw error }
            return try ResponderHandshake(staticKey: other, prologue: TransportLimits.prologue)
                .readInitiatorStatic(message)
        }
    }

    // MARK: Messages

    private mutating func receive(_ message: [UInt8], _ transport: inout NoiseTransport) -> Output {
        guard let bytes = try? transport.decrypt(message) else {
            return .silence("a transport message does not authenticate")
        }
        let frame: WireFrame
        do {
            frame = try WireFrame.decode(bytes)
        } catch {
            if case .tooLarge = error { return .reject(.of(.limit, "\(error)")) }
            return .reject(.of(.malformed, "\(error)"))
        }
        do {
            guard let whole = try assembler.add(frame) else { return .nothing }
            return decode(whole)
        } catch {
            return .reject(error.close)
        }
    }

    private func decode(_ message: MessageAssembler.Message) -> Output {
        if message.kind == .close {
            return .incoming(.close((try? WireClose.decode(message.bytes)) ?? WireClose()))
        }
        do {
            return .incoming(.request(id: message.id, try WireRequest.decode(message.bytes), size: message.bytes.count))
        } catch {
            return .incoming(.malformed(id: message.id, error))
        }
    }
}
