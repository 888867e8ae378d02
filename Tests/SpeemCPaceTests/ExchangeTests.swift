import SpeemCrypto
import Testing

@testable import SpeemCPace

struct ExchangeTests {
    @Test(arguments: [0, 1, 100, ClaimMessage.payloadLimit]) func theRightCodeHandsThePayloadOver(length: Int) throws {
        var exchange = try Exchange()
        exchange.payload = SystemRandomSource().secret(length)
        #expect(exchange.run() == Exchange.Result(payload: exchange.payload, isGranted: true))
    }

    @Test func aWrongCodeGetsNothing() throws {
        #expect(try Exchange("1234 5678", node: "1234 5679").run() == Exchange.Result(nodeError: .codeOrPeerWrong))
    }

    /// Each message has one length, whatever it carries.
    @Test func messagesHaveOneLength() throws {
        for payload in [0, 7, ClaimMessage.payloadLimit] {
            var exchange = try Exchange()
            exchange.payload = SystemRandomSource().secret(payload)
            var lengths: [Int] = []
            exchange.wire = { _, message in
                lengths.append(message.count)
                return message
            }
            #expect(exchange.run().isGranted)
            #expect(lengths == [17, 16, 32, 32, 32, 4146])
        }
    }

    /// Neither a nonce, a share nor a confirmation comes twice.
    @Test func nothingRepeats() throws {
        var seen: Set<[UInt8]> = []
        var exchange = try Exchange()
        exchange.wire = { _, message in
            #expect(seen.insert(message).inserted)
            return message
        }
        for _ in 0..<20 { #expect(exchange.run().isGranted) }
        #expect(seen.count == 20 * Exchange.Step.allCases.count)
    }

    // MARK: The channel

    @Test func aRelayGetsNothing() throws {
        let relay = ClaimChannel.Endpoint(address: [192, 0, 2, 99], port: 4405)
        let otherPort = ClaimChannel.Endpoint(address: [192, 0, 2, 1], port: 50_001)
        for (device, node) in [
            // The device is connected with the relay, and the relay with the node.
            (
                ClaimChannel(device: Exchange.address, node: relay),
                ClaimChannel(device: relay, node: Exchange.nodeAddress)
            ),
            (ClaimChannel(device: Exchange.address, node: relay), Exchange.channel),
            (Exchange.channel, ClaimChannel(device: relay, node: Exchange.nodeAddress)),
            (Exchange.channel, ClaimChannel(device: otherPort, node: Exchange.nodeAddress)),
            (Exchange.channel, ClaimChannel(device: Exchange.nodeAddress, node: Exchange.address)),
        ] {
            var exchange = try Exchange()
            exchange.deviceChannel = device
            exchange.nodeChannel = node
            #expect(exchange.run() == Exchange.Result(nodeError: .codeOrPeerWrong))
        }
    }

    @Test func anIPv4AddressIsTheSameAtASocketForBoth() throws {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        var exchange = try Exchange()
        exchange.nodeChannel = ClaimChannel(
            device: .init(address: mapped + [192, 0, 2, 1], port: 50_000),
            node: .init(address: mapped + [192, 0, 2, 2], port: 4405))
        #expect(exchange.run().isGranted)
    }

    /// No two channels have one identifier, however their parts are cut.
    @Test func identifiersAreUnambiguous() {
        let short = [UInt8](repeating: 1, count: 4)
        let long = [UInt8](repeating: 1, count: 16)
        var seen: Set<[UInt8]> = []
        for device in [short, long] {
            for node in [short, long] {
                for ports in [(0x0101, 0x0101), (0x0104, 0x0101), (0x0101, 0x0104)] as [(UInt16, UInt16)] {
                    let channel = ClaimChannel(
                        device: .init(address: device, port: ports.0), node: .init(address: node, port: ports.1))
                    #expect(seen.insert(channel.identifier).inserted)
                }
            }
        }
        let text = String(decoding: Exchange.channel.identifier, as: UTF8.self)
        #expect(text.contains("speem/1 claim device") && text.contains("speem/1 claim node"))
    }

    // MARK: Damage

    /// Whatever byte is changed on its way, the device gets nothing; and the node hands nothing over unless only its
    /// last message was changed.
    @Test(arguments: Exchange.Step.allCases) func everyChangedByteFails(_ step: Exchange.Step) throws {
        var length = 0
        var probe = try Exchange()
        probe.wire = { current, message in
            if current == step { length = message.count }
            return message
        }
        _ = probe.run()
        #expect(length > 0)
        for index in 0..<length {
            var exchange = try Exchange()
            exchange.wire = { current, message in
                guard current == step else { return message }
                var changed = message
                changed[index] ^= UInt8.random(in: 1...255)
                return changed
            }
            let result = exchange.run()
            #expect(result.payload == nil && result.isGranted == (step == .grant), "byte \(index)")
            switch step {
            case .hello where index == 0:
                guard case .unknownVersion = result.nodeError else {
                    Issue.record("\(result)")
                    continue
                }
            case .hello, .reply, .confirmation: #expect(result.nodeError == .codeOrPeerWrong)
            // Some of the changed shares are elements, too.
            case .deviceShare: #expect([.invalidShare, .codeOrPeerWrong].contains(result.nodeError))
            case .nodeShare:
                #expect(result.deviceError == .invalidShare || result.nodeError == .codeOrPeerWrong)
            case .grant: #expect(result.deviceError == .codeOrPeerWrong)
            }
        }
    }

    @Test(arguments: Exchange.Step.allCases) func everyOtherLengthFails(_ step: Exchange.Step) throws {
        for change in [{ $0 + [0] }, { $0.dropLast() }, { _ in [] }] as [([UInt8]) -> [UInt8]] {
            var exchange = try Exchange()
            exchange.wire = { current, message in current == step ? change(message) : message }
            let result = exchange.run()
            #expect(result.payload == nil)
            #expect((result.deviceError ?? result.nodeError) == .malformed)
        }
    }

    /// A confirmation is one side's own: the node's cannot be had by sending the device's back, or the reverse.
    @Test func aReflectedConfirmationFails() throws {
        var exchange = try Exchange()
        var confirmation: [UInt8] = []
        exchange.wire = { step, message in
            if step == .confirmation { confirmation = message }
            return step == .grant ? confirmation + message[32...] : message
        }
        #expect(exchange.run() == Exchange.Result(deviceError: .codeOrPeerWrong, isGranted: true))
    }

    /// Shares and confirmations of an earlier run, replayed.
    @Test func aReplayFails() throws {
        var recorded: [Exchange.Step: [UInt8]] = [:]
        var first = try Exchange()
        first.wire = { step, message in
            recorded[step] = message
            return message
        }
        #expect(first.run().isGranted)
        for steps in [[.hello, .deviceShare, .confirmation], [.reply, .nodeShare, .grant]] as [[Exchange.Step]] {
            var again = try Exchange()
            again.wire = { step, message in steps.contains(step) ? recorded[step] ?? [] : message }
            let result = again.run()
            #expect(result.payload == nil && !result.isGranted)
        }
    }

    // MARK: Bytes as they come

    @Test func oneByteAtATime() throws {
        var exchange = try Exchange()
        exchange.wire = { _, message in
            var buffer = ClaimMessageBuffer()
            var complete: [UInt8]?
            for byte in message {
                #expect(complete == nil)
                buffer.append([byte])
                complete = buffer.next(message.count)
            }
            return complete ?? []
        }
        #expect(exchange.run() == Exchange.Result(payload: exchange.payload, isGranted: true))
    }

    @Test func whatComesTogetherIsTakenApart() {
        var buffer = ClaimMessageBuffer()
        #expect(buffer.next(1) == nil)
        buffer.append([1, 2, 3, 4, 5])
        #expect(buffer.next(2) == [1, 2])
        #expect(buffer.next(4) == nil)
        #expect(buffer.next(3) == [3, 4, 5])
        #expect(buffer.next(1) == nil)
    }

    @Test func errorsAreForPeople() {
        #expect("\(ClaimExchangeError.codeOrPeerWrong)" == "the code or the peer is wrong")
        #expect("\(ClaimExchangeError.unknownVersion(2))".contains("version 2"))
        let all: [ClaimExchangeError] = [.malformed, .unknownVersion(9), .invalidShare, .codeOrPeerWrong]
        #expect(Set(all.map(\.description)).count == all.count)
    }
}
