#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension WireContent: WireMessage {
    public static var wireName: String { "content" }
    public static var wireLimit: Int { Limits.bodyBytes }

    public func check() throws(WireError) {
        switch kind {
        case nil: throw .unknownKind(message: Self.wireName)
        case .text(let text): try limit(text.text, Limits.textBytes, "text.text")
        case .receipt(let receipt):
            try limit(receipt.messageIds.count, Limits.acknowledgeCount, "receipt.message_ids")
            for id in receipt.messageIds { try length(id, 32, "receipt.message_ids") }
        case .grantNotice(let notice):
            try checkKeys(notice.keys, "grant_notice.keys")
            try checkRevoked(notice.withdrawnRoutes, "grant_notice.withdrawn_routes")
            try checkChain(notice.roster, "grant_notice.roster")
            if notice.hasDiscovery { try notice.discovery.check() }
        case .sync(let sync): try sync.check()
        case .textsAgain(let again):
            try limit(again.texts.count, Limits.textsAgain, "texts_again.texts")
            for text in again.texts {
                try length(text.id, 32, "texts_again.id")
                try limit(text.text, Limits.textBytes, "texts_again.text")
            }
        case .contactRequest, .contactAccept, .linkRequest, .restored: break
        }
    }
}

extension WireDiscoveryShare {
    func check() throws(WireError) {
        try length(key, 32, "discovery_share.key")
        try length(device, 16, "discovery_share.device")
    }
}

private func checkKeys(_ keys: [WireDeviceKey], _ name: String) throws(WireError) {
    try limit(keys.count, Limits.syncElements, name)
    for key in keys {
        try length(key.device, 16, "device_key.device")
        try length(key.oneTimeKey, 32, "device_key.one_time_key")
    }
}

extension WireSync {
    func check() throws(WireError) {
        try limit(registers.count, Limits.syncElements, "sync.registers")
        for register in registers { try length(register.device, 16, "sync.registers.device") }
        try limit(contacts.count, Limits.syncElements, "sync.contacts")
        for card in contacts { try card.check() }
        try limit(messages.count, Limits.syncElements, "sync.messages")
        for message in messages {
            try length(message.id, 32, "sync.messages.id")
            try length(message.conversation, 32, "sync.messages.conversation")
            try limit(message.text, Limits.textBytes, "sync.messages.text")
        }
        if case .reconcile(let reconcile) = kind {
            try length(reconcile.session, 16, "sync.reconcile.session")
            try limit(reconcile.wanted.count, Limits.reconcileWanted, "sync.reconcile.wanted")
        }
    }
}

extension WireContactCard {
    func check() throws(WireError) {
        try length(account, 32, "contact_card.account")
        try checkChain(roster, "contact_card.roster")
        if !siblingSecret.isEmpty { try length(siblingSecret, 16, "contact_card.sibling_secret") }
        if hasRoute {
            try length(route.route, 16, "contact_card.route.route")
            try length(route.initiatorSecret, 32, "contact_card.route.initiator_secret")
            try length(route.preSharedKey, 32, "contact_card.route.pre_shared_key")
        }
        try checkKeys(keys, "contact_card.keys")
        try limit(routeNodes.count, Limits.syncElements, "contact_card.route_nodes")
        for node in routeNodes { try length(node, 32, "contact_card.route_nodes") }
        if hasDiscovery { try discovery.check() }
    }
}
