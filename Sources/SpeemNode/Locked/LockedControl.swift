import SpeemCrypto
import SpeemProtocol
import SpeemTransport

/// The methods on the control socket of a locked node.
struct LockedControl: ControlHandler {
    let lock: NodeLock
    let status: @Sendable () async -> JSON

    /// Of a node that is not locked, too: then any key does.
    static let answer = JSON.object(["locked": .bool(false)])

    func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON {
        switch method {
        case "status": return await status()
        case "unlock":
            guard let text = parameters["key"]?.stringValue, let key = Hex.decodeSecret(Array(text.utf8)[...]) else {
                throw ControlError.invalidParameters("unlock takes the store's key in hexadecimal")
            }
            do throws(NodeLock.Refusal) {
                try await lock.open(with: key)
            } catch {
                throw ControlError(code: 1, message: "\(error)", hint: nil)
            }
            return Self.answer
        default:
            guard ControlMethods.device.contains(method) || ControlMethods.node.contains(method) else {
                throw ControlError.methodNotFound(method)
            }
            throw ControlError(code: 1, message: "the node is locked", hint: "speem unlock")
        }
    }
}
