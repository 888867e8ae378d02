/// Every limit of the wire, in one place. A peer that goes over one is refused or disconnected, never served partly.
public enum Limits {
    /// Bytes of a part in a frame: small enough that a large message never holds up a small one for long.
    public static let partBytes = 16 * 1024
    /// Bytes of an encoded frame: a part and its few bytes of protobuf around it.
    public static let frameBytes = partBytes + 64
    /// Bytes of an envelope's sealed header: the longest is that of a session's first message, under 2 KiB.
    public static let headerBytes = 4 * 1024
    /// Bytes of an envelope's body: a long text; larger things are attachments, in chunks of their own.
    public static let bodyBytes = 128 * 1024
    /// Bytes of a text message in UTF-8: fits a body after padding.
    public static let textBytes = 64 * 1024
    /// Bytes of an encoded request: a deposit of the largest envelope, or an upload of prekeys.
    public static let requestBytes = 256 * 1024
    /// Bytes of an encoded response: the largest envelope and some more of a drain.
    public static let responseBytes = 512 * 1024
    /// Bytes of envelopes that one drain answers with; at least one envelope is always sent.
    public static let drainBytes = 192 * 1024
    /// Devices that one deposit is for: as many as an account may have.
    public static let depositTargets = 16
    /// Nodes of an account, and addresses of a node, as a roster entry bounds them.
    public static let nodes = 8
    public static let addresses = 8
    /// Bytes of an address.
    public static let addressBytes = 262
    /// Bytes of an encoded node entry: a key behind its type, and its addresses behind their number and lengths.
    public static let nodeEntryBytes = 34 + addresses * (2 + addressBytes)
    /// Grants in one request or answer: about 150 bytes each.
    public static let grants = 512
    /// Withdrawn keys in one request or answer.
    public static let revokedKeys = 4096
    /// Items of the outbox in one request or answer.
    public static let outboxItems = 256
    /// Keys in a notice of grants, and elements of each kind in a message between own devices.
    public static let syncElements = 1024
    /// Ids that one round of reconciliation asks for.
    public static let reconcileWanted = 2048
    /// Texts that one message brings again.
    public static let textsAgain = 256
    /// Envelopes that one drain answers with.
    public static let drainCount = 512
    /// Sequence numbers in one acknowledgement.
    public static let acknowledgeCount = 1024
    /// Requests that one connection may have unanswered; beyond it the node stops reading.
    public static let requestsInFlight = 1024
    /// Bytes of requests that one connection may have unanswered; beyond it the node stops reading.
    public static let requestBytesInFlight = 4 * 1024 * 1024
    /// Messages that one connection may have in parts at once.
    public static let messagesInParts = 16
    /// Bytes of roster entries in one answer.
    public static let rosterBytes = 192 * 1024
    /// One-time prekey pairs in one upload: 100 pairs of about 1.4 KiB stay under ``requestBytes``.
    public static let prekeyPairs = 100
    /// Bytes of an encoded prekey of any kind.
    public static let prekeyBytes = 2 * 1024
    /// Bytes of an encoded roster entry.
    public static let rosterEntryBytes = 32 * 1024
    /// Pushed envelopes that one connection may have unacknowledged; beyond it the node waits.
    public static let pushesUnacknowledged = 512
    /// Bytes of headers and bodies that one connection may have pushed and unacknowledged before the last envelope.
    public static let pushBytesUnacknowledged = 1024 * 1024
    /// Mailboxes in a node's state.
    public static let mailboxes = 64
    /// Bytes of a version's text.
    public static let versionBytes = 64
    /// Bytes of the word for what opens a node's store.
    public static let keySourceBytes = 32
    /// Bytes of a wrapped store key.
    public static let wrappedKeyBytes = 1024
    /// Bytes of a node's name.
    public static let nameBytes = 64
    /// Bytes of a refusal's or a close's words.
    public static let detailBytes = 512
}
