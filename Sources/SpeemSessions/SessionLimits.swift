/// Every limit of sessions, with its reason.
public enum SessionLimits {
    /// Messages that one received message may skip in a chain (the specification's MAX_SKIP): an attacker who holds a
    /// session can make the receiver compute that many keys for the chain before and as many for the new one.
    public static let skippedPerStep = 1_000
    /// Skipped keys that a session keeps; the oldest go first (Double Ratchet specification, "Deletion of skipped
    /// message keys"). There is no timer: a message may wait on a node for weeks.
    public static let skippedInAll = 2_000
    /// Earlier receiving chains whose ratchet keys are remembered, so that a late duplicate is not taken for a new
    /// step. One from before these is ``SessionError/notAuthentic(_:)``.
    public static let rememberedRatchetKeys = 16
    /// Bytes of a message's content before padding.
    public static let contentLength = 100 * 1024
    /// Bytes that a body is padded to at the least: receipts and short texts look the same.
    public static let minimumBody = 256
    /// Bytes of a sealed header at the most, and of an encoded session.
    public static let sealedHeaderLength = 4 * 1024
    public static let encodedSessionLength = 256 * 1024
}
