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
            try length(claim.preSharedKey, 32, "claim.pre_shared_key")
            try checkChain(claim.roster, "claim.roster")
            try length(claim.signature, 64, "claim.signature")
            if claim.hasRecovery { try claim.recovery.check() }
        case .grantRevoke(let revoke): try length(revoke.initiatorKey, 32, "grant_revoke.initiator_key")
        case .rosterAppend(let append):
            guard !append.entries.isEmpty else { throw .missing(field: "roster_append.entries") }
            try checkChain(append.entries, "roster_append.entries")
            try limit(append.grants.count, Limits.depositTargets, "roster_append.grants")
            for grant in append.grants { try grant.check() }
            if !append.restored.isEmpty { try length(append.restored, 16, "roster_append.restored") }
        case .grantList(let list):
            if !list.after.isEmpty { try length(list.after, 32, "grant_list.after") }
        case .grantPut(let put):
            try limit(put.grants.count, Limits.grants, "grant_put.grants")
            for grant in put.grants { try grant.check() }
            try checkRevoked(put.revoked, "grant_put.revoked")
        case .nodeReset(let reset): try length(reset.nodeEpoch, 16, "node_reset.node_epoch")
        case .routeRegister(let register):
            try length(register.initiatorKey, 32, "route_register.initiator_key")
            try length(register.preSharedKey, 32, "route_register.pre_shared_key")
        case .routeAdd(let add): try add.check()
        case .routeRemove(let remove): try length(remove.route, 16, "route_remove.route")
        case .outboxPut(let put):
            try length(put.item, 16, "outbox_put.item")
            try length(put.route, 16, "outbox_put.route")
            try put.deposit.check()
        case .outboxList(let list):
            if !list.after.isEmpty { try length(list.after, 16, "outbox_list.after") }
        case .outboxAcknowledge(let acknowledge):
            try limit(acknowledge.items.count, Limits.acknowledgeCount, "outbox_acknowledge.items")
            for item in acknowledge.items { try length(item, 16, "outbox_acknowledge.items") }
        case .discoverySet(let set): try length(set.key, 32, "discovery_set.key")
        case .unlock(let unlock): try length(unlock.dataKey, 32, "unlock.data_key")
        case .drain, .rosterFetch, .nodeStatus, .ping, .unlockStart, .nodeIdentify: break
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

extension WireRouteAdd {
    func check() throws(WireError) {
        try length(route, 16, "route_add.route")
        try length(initiatorSecret, 32, "route_add.initiator_secret")
        try length(preSharedKey, 32, "route_add.pre_shared_key")
        guard !nodes.isEmpty else { throw .missing(field: "route_add.nodes") }
        try limit(nodes.count, Limits.nodes, "route_add.nodes")
        for node in nodes {
            try length(node.nodeKey, 32, "route_add.nodes.node_key")
            try limit(node.addresses.count, Limits.addresses, "route_add.nodes.addresses")
            for address in node.addresses { try limit(address, Limits.addressBytes, "route_add.nodes.addresses") }
            if !node.discoveryKey.isEmpty { try length(node.discoveryKey, 32, "route_add.nodes.discovery_key") }
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
