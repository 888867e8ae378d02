import SpeemProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Cuts messages into frames.
enum MessageSplitter {
    /// The frames of a message, each with a part of at most ``SpeemProtocol/Limits/partBytes``.
    static func frames(kind: WireFrame.Kind, id: UInt64, message: [UInt8]) -> [WireFrame] {
        var frames: [WireFrame] = []
        var offset = 0
        repeat {
            let end = min(offset + Limits.partBytes, message.count)
            frames.append(
                .with {
                    $0.kind = kind
                    $0.id = id
                    $0.more = end < message.count
                    $0.part = Data(message[offset..<end])
                })
            offset = end
        } while offset < message.count
        return frames
    }
}

/// Puts frames together into messages. Pure: it sees one connection's frames in order.
struct MessageAssembler: Sendable {
    /// A whole message.
    struct Message: Equatable, Sendable {
        let kind: WireFrame.Kind
        let id: UInt64
        let bytes: [UInt8]
    }

    /// What the peer may not do.
    enum Violation: Error, Equatable, Sendable {
        case tooLarge(limit: Int)
        case tooManyAtOnce(limit: Int)
        case reusedID(UInt64)
        case unexpectedKind
        case emptyPart
    }

    private struct Key: Hashable {
        let kind: WireFrame.Kind
        let id: UInt64
    }

    /// The kinds that the peer may send, with the limit of each.
    private let limits: [WireFrame.Kind: Int]
    /// Whether ids of new messages must grow: a responder refuses an id that was used before.
    private let idsGrow: Bool
    private var parts: [Key: [UInt8]] = [:]
    private var highestID: UInt64 = 0

    /// For the side that answers.
    static let responder = MessageAssembler(
        limits: [.request: Limits.requestBytes, .close: Limits.partBytes], idsGrow: true)
    /// For the side that asks.
    static let initiator = MessageAssembler(
        limits: [.response: Limits.responseBytes, .push: Limits.responseBytes, .close: Limits.partBytes],
        idsGrow: false)

    private init(limits: [WireFrame.Kind: Int], idsGrow: Bool) {
        self.limits = limits
        self.idsGrow = idsGrow
    }

    /// Takes the next frame; returns the message that it completes.
    mutating func add(_ frame: WireFrame) throws(Violation) -> Message? {
        guard let limit = limits[frame.kind] else { throw .unexpectedKind }
        // A message could go on with them for ever.
        guard !frame.more || !frame.part.isEmpty else { throw .emptyPart }
        let key = Key(kind: frame.kind, id: frame.id)
        var bytes: [UInt8]
        if let begun = parts.removeValue(forKey: key) {
            bytes = begun
        } else {
            if idsGrow, frame.kind == .request {
                guard frame.id > highestID else { throw .reusedID(frame.id) }
                highestID = frame.id
            }
            bytes = []
        }
        guard bytes.count + frame.part.count <= limit else { throw .tooLarge(limit: limit) }
        bytes += frame.part
        guard frame.more else { return Message(kind: frame.kind, id: frame.id, bytes: bytes) }
        guard frame.kind != .close else { throw .unexpectedKind }
        guard parts.count < Limits.messagesInParts else { throw .tooManyAtOnce(limit: Limits.messagesInParts) }
        parts[key] = bytes
        return nil
    }
}

extension MessageAssembler.Violation {
    /// What is said to a peer with a grant before the connection is closed.
    var close: WireClose {
        switch self {
        case .tooLarge(let limit): .of(.limit, "a message has more than \(limit) bytes")
        case .tooManyAtOnce(let limit): .of(.limit, "more than \(limit) messages are sent in parts at once")
        case .reusedID(let id): .of(.malformed, "request id \(id) was used before")
        case .unexpectedKind: .of(.malformed, "a frame of this kind does not belong here")
        case .emptyPart: .of(.malformed, "a part that is not the last of its message is empty")
        }
    }
}

extension WireClose {
    static func of(_ reason: Reason, _ detail: String = "") -> WireClose {
        .with {
            $0.reason = reason
            $0.detail = detail.cut(toBytes: Limits.detailBytes)
        }
    }
}
