extension WireRequest: WireMessage {
    public static var wireName: String { "request" }
    public static var wireLimit: Int { Limits.requestBytes }

    public func check() throws(WireError) {
        switch kind {
        case nil: throw .unknownKind(message: Self.wireName)
        case .deposit(let deposit): try deposit.check()
        case .acknowledge(let acknowledge):
            try limit(acknowledge.sequences.count, Limits.acknowledgeCount, "acknowledge.sequences")
        case .prekeyUpload(let upload): try upload.check()
        case .prekeyTake(let take): try length(take.device, 16, "prekey_take.device")
        case .inviteRegister(let invite):
            try length(invite.initiatorKey, 32, "invite_register.initiator_key")
            try length(invite.preSharedKey, 32, "invite_register.pre_shared_key")
            try length(invite.grantPreSharedKey, 32, "invite_register.grant_pre_shared_key")
        case .redeem(let redeem):
            try length(redeem.initiatorKey, 32, "redeem.initiator_key")
            if redeem.hasDeposit { try redeem.deposit.check() }
        case .claim(let claim):
            try length(claim.initiatorKey, 32, "claim.initiator_key")
            try length(claim.device, 16, "claim.device")
        case .grantRevoke(let revoke): try length(revoke.initiatorKey, 32, "grant_revoke.initiator_key")
        case .drain, .rosterFetch, .rosterAppend, .nodeStatus, .ping: break
        }
    }
}

extension WireDeposit {
    func check() throws(WireError) {
        try limit(body, Limits.bodyBytes, "deposit.body")
        guard !targets.isEmpty else { throw .missing(field: "deposit.targets") }
        try limit(targets.count, Limits.depositTargets, "deposit.targets")
        for target in targets {
            try length(target.mailbox, 16, "deposit.targets.mailbox")
            try length(target.envelopeID, 32, "deposit.targets.envelope_id")
            try limit(target.header, Limits.headerBytes, "deposit.targets.header")
        }
        guard Set(targets.map(\.mailbox)).count == targets.count else {
            throw .repeated(field: "deposit.targets.mailbox")
        }
    }
}

extension WirePrekeyUpload {
    func check() throws(WireError) {
        try limit(signedPrekey, Limits.prekeyBytes, "prekey_upload.signed_prekey")
        try limit(lastResortKemPrekey, Limits.prekeyBytes, "prekey_upload.last_resort_kem_prekey")
        try limit(oneTime.count, Limits.prekeyPairs, "prekey_upload.one_time")
        for pair in oneTime {
            try limit(pair.oneTimePrekey, Limits.prekeyBytes, "prekey_upload.one_time.one_time_prekey")
            try limit(pair.kemPrekey, Limits.prekeyBytes, "prekey_upload.one_time.kem_prekey")
        }
    }
}
