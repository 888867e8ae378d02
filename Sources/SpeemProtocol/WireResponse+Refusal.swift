import SwiftProtobuf

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension WireRefusal {
    /// A refusal with its words, cut to their limit.
    ///
    /// - Parameter head: for a roster conflict, 32 bytes.
    public init(_ code: Code, _ words: String = "", retryAfterMilliseconds: UInt32 = 0, head: Data = Data()) {
        self.init()
        self.code = code
        detail = words.cut(toBytes: Limits.detailBytes)
        retryAfterMs = retryAfterMilliseconds
        self.head = head
    }
}

extension WireResponse {
    /// An answer that refuses.
    public static func refusal(
        _ code: WireRefusal.Code, _ words: String = "", retryAfterMilliseconds: UInt32 = 0
    ) -> WireResponse {
        .with { $0.refusal = WireRefusal(code, words, retryAfterMilliseconds: retryAfterMilliseconds) }
    }
}
