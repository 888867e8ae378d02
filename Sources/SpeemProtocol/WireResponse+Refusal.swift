import SwiftProtobuf

extension WireResponse {
    /// A refusal with its words, cut to their limit.
    public static func refusal(
        _ code: WireRefusal.Code, _ detail: String = "", retryAfterMilliseconds: UInt32 = 0
    ) -> WireResponse {
        .with {
            $0.refusal = .with {
                $0.code = code
                $0.detail = String(detail.prefix(Limits.detailBytes / 4))
                $0.retryAfterMs = retryAfterMilliseconds
            }
        }
    }
}
