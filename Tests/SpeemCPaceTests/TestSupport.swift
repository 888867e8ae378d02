import SpeemCrypto
import Synchronization
import Testing

@testable import SpeemCPace

/// The bytes of a published vector; white space between the digits is skipped.
func octets(_ hex: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> [UInt8] {
    try #require(Hex.decode(hex.filter { !$0.isWhitespace }), sourceLocation: sourceLocation)
}

/// The bytes of a text.
func text(_ string: String) -> [UInt8] { Array(string.utf8) }

/// Random bytes that a test knows: the given ones, in order, each once.
final class ScriptedRandomSource: RandomSource {
    private let bytes: [UInt8]
    private let position = Mutex(0)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes were taken.
    var taken: Int { position.withLock { $0 } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        position.withLock { position in
            precondition(position + buffer.count <= bytes.count, "the script has not enough bytes")
            buffer.copyBytes(from: bytes[position..<(position + buffer.count)])
            position += buffer.count
        }
    }
}

/// A run of the exchange in memory, both sides and the wire between them.
struct Exchange {
    /// A message on its way, in the order of the exchange.
    enum Step: Int, CaseIterable {
        case hello, reply, deviceShare, nodeShare, confirmation, grant
    }

    /// What came of a run.
    struct Result: Equatable {
        /// What the device got.
        var payload: SecretBytes?
        var deviceError: ClaimExchangeError?
        var nodeError: ClaimExchangeError?
        /// Whether the node handed the payload over.
        var isGranted = false
    }

    static let address = ClaimChannel.Endpoint(address: [192, 0, 2, 1], port: 50_000)
    static let nodeAddress = ClaimChannel.Endpoint(address: [192, 0, 2, 2], port: 4405)
    static let channel = ClaimChannel(device: address, node: nodeAddress)

    var deviceCode: ClaimCode
    var nodeCode: ClaimCode
    var deviceChannel = channel
    var nodeChannel = channel
    var payload = SecretBytes(text("speem:an invite"))
    /// What happens to a message.
    var wire: (Step, [UInt8]) -> [UInt8] = { $1 }

    init(_ code: String = "1234 5678", node: String? = nil) throws {
        deviceCode = try ClaimCode(text: code)
        nodeCode = try ClaimCode(text: node ?? code)
    }

    func run() -> Result {
        let random = SystemRandomSource()
        var result = Result()
        let initiator = ClaimInitiator(code: deviceCode, channel: deviceChannel, random: random)
        do throws(ClaimExchangeError) {
            let responder = try ClaimResponder(
                hello: wire(.hello, initiator.message), channel: nodeChannel, random: random)
            let reply = wire(.reply, responder.message)
            let sharing: ClaimInitiator.Sharing
            do throws(ClaimExchangeError) {
                sharing = try initiator.readReply(reply, random: random)
            } catch {
                result.deviceError = error
                return result
            }
            let ready = try responder.readShare(wire(.deviceShare, sharing.message))
            let answered = try ready.answer(code: nodeCode, random: random)
            let confirming: ClaimInitiator.Confirming
            do throws(ClaimExchangeError) {
                confirming = try sharing.readShare(wire(.nodeShare, answered.message))
            } catch {
                result.deviceError = error
                return result
            }
            let confirmed = try answered.readConfirmation(wire(.confirmation, confirming.message))
            let grant = confirmed.grant(payload)
            result.isGranted = true
            do throws(ClaimExchangeError) {
                result.payload = try confirming.readGrant(wire(.grant, grant))
            } catch {
                result.deviceError = error
            }
        } catch {
            result.nodeError = error
        }
        return result
    }
}
