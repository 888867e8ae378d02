/// Limits of the control socket.
public enum ControlLimits {
    /// Bytes of a line: the longest text, escaped, and a long listing.
    public static let lineBytes = 8 * 1024 * 1024
    /// Connections at once.
    public static let connections = 32
}

/// What a control method refuses: JSON-RPC's error object (JSON-RPC 2.0, section 5.1), with a hint for people.
public struct ControlError: Error, Equatable, Sendable, CustomStringConvertible {
    /// -32700 … -32600 are JSON-RPC's own; 1 and up are the program's exit codes.
    public let code: Int
    public let message: String
    /// What to do about it.
    public let hint: String?

    public init(code: Int, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { message }

    public static let parseError = ControlError(code: -32700, message: "this is not JSON")
    public static let invalidRequest = ControlError(code: -32600, message: "this is not a JSON-RPC 2.0 request")
    public static func methodNotFound(_ name: String) -> ControlError {
        ControlError(code: -32601, message: "there is no method \"\(name)\"")
    }
    public static func invalidParameters(_ words: String) -> ControlError {
        ControlError(code: -32602, message: words)
    }
    public static func internalError(_ words: String) -> ControlError { ControlError(code: -32603, message: words) }
}

/// A line on the control socket. Pure: bytes in, bytes out.
enum ControlMessage: Equatable, Sendable {
    case request(id: JSON?, method: String, parameters: JSON)
    case result(id: JSON, JSON)
    case failure(id: JSON, ControlError)
    case notification(method: String, parameters: JSON)

    /// Reads what a client sends.
    static func parseRequest(_ line: [UInt8]) -> Result<(id: JSON?, method: String, parameters: JSON), ControlError> {
        guard let json = JSON.parse(line) else { return .failure(.parseError) }
        guard json["jsonrpc"] == .string("2.0"), let method = json["method"]?.stringValue else {
            return .failure(.invalidRequest)
        }
        switch json["id"] {
        case nil, .string, .integer, .null: break
        default: return .failure(.invalidRequest)
        }
        return .success((json["id"], method, json["params"] ?? .object([:])))
    }

    /// Reads what a server sends; nil for anything else.
    static func parseReply(_ line: [UInt8]) -> ControlMessage? {
        guard let json = JSON.parse(line), json["jsonrpc"] == .string("2.0") else { return nil }
        if let method = json["method"]?.stringValue {
            return .notification(method: method, parameters: json["params"] ?? .null)
        }
        guard let id = json["id"] else { return nil }
        if let error = json["error"] {
            return .failure(
                id: id,
                ControlError(
                    code: Int(clamping: error["code"]?.integerValue ?? 0),
                    message: error["message"]?.stringValue ?? "no reason given",
                    hint: error["data"]?["hint"]?.stringValue))
        }
        return json["result"].map { .result(id: id, $0) }
    }

    /// The line, with its end.
    var line: [UInt8] {
        var members: [String: JSON] = ["jsonrpc": .string("2.0")]
        switch self {
        case .request(let id, let method, let parameters):
            members["id"] = id
            members["method"] = .string(method)
            members["params"] = parameters
        case .result(let id, let result):
            members["id"] = id
            members["result"] = result
        case .failure(let id, let error):
            members["id"] = id
            var object: [String: JSON] = ["code": .integer(Int64(error.code)), "message": .string(error.message)]
            if let hint = error.hint { object["data"] = .object(["hint": .string(hint)]) }
            members["error"] = .object(object)
        case .notification(let method, let parameters):
            members["method"] = .string(method)
            members["params"] = parameters
        }
        return Array(JSON.object(members).line.utf8) + [UInt8(ascii: "\n")]
    }
}
