public import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message that can come from a peer: decoding checks its size first, then its form, then every field.
public protocol WireMessage: SwiftProtobuf.Message {
    /// What it is called in errors.
    static var wireName: String { get }
    /// Bytes of its encoding at the most.
    static var wireLimit: Int { get }
    /// Throws when a field has a wrong length, is over a limit, or the kind is unknown.
    func check() throws(WireError)
}

extension WireMessage {
    /// Decodes bytes from a peer.
    public static func decode(_ bytes: [UInt8]) throws(WireError) -> Self {
        guard bytes.count <= wireLimit else { throw .tooLarge(message: wireName, limit: wireLimit) }
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        let message: Self
        do {
            message = try Self(serializedBytes: bytes, options: options)
        } catch {
            throw .malformed(message: wireName)
        }
        try message.check()
        return message
    }

    /// The encoding.
    ///
    /// - Precondition: our own message keeps its own rules.
    public func encode() -> [UInt8] {
        do {
            return try serializedBytes()
        } catch {
            // Only proto2's required fields and Any can fail to serialise; this protocol has neither.
            preconditionFailure("\(Self.wireName) cannot be encoded: \(error)")
        }
    }
}

extension WireFrame: WireMessage {
    public static var wireName: String { "frame" }
    public static var wireLimit: Int { Limits.frameBytes }

    public func check() throws(WireError) {
        try limit(part, Limits.partBytes, "frame.part")
        switch kind {
        case .request, .response, .push, .close: break
        case .unspecified, .UNRECOGNIZED: throw .unknownKind(message: Self.wireName)
        }
    }
}

extension WireClose: WireMessage {
    public static var wireName: String { "close" }
    public static var wireLimit: Int { Limits.partBytes }

    public func check() throws(WireError) {
        try limit(detail, Limits.detailBytes, "close.detail")
    }
}

extension WireResponse: WireMessage {
    public static var wireName: String { "response" }
    public static var wireLimit: Int { Limits.responseBytes }

    public func check() throws(WireError) {
        switch kind {
        case nil: throw .unknownKind(message: Self.wireName)
        case .refusal(let refusal):
            try limit(refusal.detail, Limits.detailBytes, "refusal.detail")
            if !refusal.head.isEmpty { try length(refusal.head, 32, "refusal.head") }
        case .drained(let drained):
            try limit(drained.envelopes.count, Limits.drainCount, "drained.envelopes")
            try length(drained.nodeEpoch, 16, "drained.node_epoch")
            for envelope in drained.envelopes { try envelope.check() }
        case .rosterChain(let chain): try checkChain(chain.entries, "roster_chain.entries")
        case .rosterAppended(let appended): try length(appended.head, 32, "roster_appended.head")
        case .prekeyBundle(let bundle):
            try limit(bundle.signedPrekey, Limits.prekeyBytes, "prekey_bundle.signed_prekey")
            try limit(bundle.kemPrekey, Limits.prekeyBytes, "prekey_bundle.kem_prekey")
            try limit(bundle.oneTimePrekey, Limits.prekeyBytes, "prekey_bundle.one_time_prekey")
        case .claimed(let claimed): try length(claimed.nodeEpoch, 16, "claimed.node_epoch")
        case .nodeState(let state):
            try limit(state.version, Limits.versionBytes, "node_state.version")
            try limit(state.mailboxes.count, Limits.mailboxes, "node_state.mailboxes")
            for mailbox in state.mailboxes { try length(mailbox.device, 16, "node_state.mailboxes.device") }
            try length(state.nodeEpoch, 16, "node_state.node_epoch")
            try limit(state.devicesOnline.count, Limits.mailboxes, "node_state.devices_online")
            for device in state.devicesOnline { try length(device, 16, "node_state.devices_online") }
            try limit(state.keySource, Limits.keySourceBytes, "node_state.key_source")
            try limit(state.clockReason, Limits.detailBytes, "node_state.clock_reason")
            if !state.rosterHead.isEmpty { try length(state.rosterHead, 32, "node_state.roster_head") }
            try length(state.grantsDigest, 32, "node_state.grants_digest")
            if !state.discoveryDigest.isEmpty { try length(state.discoveryDigest, 32, "node_state.discovery_digest") }
        case .deposited(let deposited):
            try checkOutcomes(deposited.outcomes, "deposited.outcomes")
        case .grantPage(let page):
            try limit(page.grants.count, Limits.grants, "grant_page.grants")
            for grant in page.grants { try grant.check() }
            try checkRevoked(page.revoked, "grant_page.revoked")
        case .nodeWasReset(let reset): try length(reset.nodeEpoch, 16, "node_was_reset.node_epoch")
        case .outboxPage(let page):
            try limit(page.items.count, Limits.outboxItems, "outbox_page.items")
            for item in page.items { try item.check() }
        case .nodeIdentity(let identity): try limit(identity.node, Limits.nodeEntryBytes, "node_identity.node")
        case .unlockInfo(let info):
            try limit(info.wrappedKey, Limits.wrappedKeyBytes, "unlock_info.wrapped_key")
            try limit(info.name, Limits.nameBytes, "unlock_info.name")
            try limit(info.addresses.count, Limits.addresses, "unlock_info.addresses")
            for address in info.addresses { try limit(address, Limits.addressBytes, "unlock_info.addresses") }
        // Nothing in them has a length.
        case .acknowledged, .prekeyUploaded, .inviteRegistered, .redeemed, .pong, .grantRevoked, .grantsPut,
            .routeRegistered, .routeAdded, .routeRemoved, .outboxTaken, .outboxAcknowledged, .discoveryWasSet,
            .unlocked:
            break
        }
    }
}

func checkOutcomes(_ outcomes: [WireDeposited.Outcome], _ name: String) throws(WireError) {
    try limit(outcomes.count, Limits.depositTargets, name)
    for outcome in outcomes { try limit(outcome.refusal.detail, Limits.detailBytes, name) }
}

func checkRevoked(_ keys: [Data], _ name: String) throws(WireError) {
    try limit(keys.count, Limits.revokedKeys, name)
    for key in keys { try length(key, 32, name) }
}

extension WireGrant {
    func check() throws(WireError) {
        try length(initiatorKey, 32, "grant.initiator_key")
        try length(preSharedKey, 32, "grant.pre_shared_key")
        switch kind {
        case .ownDevice: try length(device, 16, "grant.device")
        case .contact, .route:
            try length(party, 16, "grant.party")
            try length(origin, 32, "grant.origin")
        case .recovery: break
        case .unspecified, .UNRECOGNIZED: throw .unknownKind(message: "grant")
        }
    }
}

extension WireOutboxItem {
    func check() throws(WireError) {
        try length(item, 16, "outbox_item.item")
        try checkOutcomes(targets, "outbox_item.targets")
    }
}

/// A chain, or a part of one.
func checkChain(_ entries: [Data], _ name: String) throws(WireError) {
    var bytes = 0
    for entry in entries {
        try limit(entry, Limits.rosterEntryBytes, name)
        bytes += entry.count
    }
    try limit(bytes, Limits.rosterBytes, name)
}

extension WirePush: WireMessage {
    public static var wireName: String { "push" }
    public static var wireLimit: Int { Limits.responseBytes }

    public func check() throws(WireError) {
        switch kind {
        case nil: throw .unknownKind(message: Self.wireName)
        case .envelope(let envelope): try envelope.check()
        case .rosterChanged(let changed): try length(changed.head, 32, "roster_changed.head")
        case .outboxReport(let item): try item.check()
        case .mailWaiting, .allClear, .grantsChanged: break
        }
    }
}

extension WireEnvelope {
    func check() throws(WireError) {
        try length(envelopeID, 32, "envelope.envelope_id")
        try limit(header, Limits.headerBytes, "envelope.header")
        try limit(body, Limits.bodyBytes, "envelope.body")
    }
}

func length(_ field: Data, _ expected: Int, _ name: String) throws(WireError) {
    guard field.count == expected else { throw .wrongLength(field: name, expected: expected, actual: field.count) }
}

func limit(_ field: Data, _ limit: Int, _ name: String) throws(WireError) {
    guard field.count <= limit else { throw .overLimit(field: name, limit: limit) }
}

func limit(_ field: String, _ limit: Int, _ name: String) throws(WireError) {
    guard field.utf8.count <= limit else { throw .overLimit(field: name, limit: limit) }
}

func limit(_ count: Int, _ limit: Int, _ name: String) throws(WireError) {
    guard count <= limit else { throw .overLimit(field: name, limit: limit) }
}
