import SpeemProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One valid request of every kind.
func sampleRequests() -> [WireRequest] {
    let key = Data(repeating: 7, count: 32)
    let device = Data(repeating: 9, count: 16)
    let deposit = WireDeposit.with {
        $0.targets = [
            .with {
                $0.mailbox = device
                $0.envelopeID = key
                $0.header = Data(repeating: 1, count: 200)
            }
        ]
        $0.body = Data(repeating: 2, count: 300)
    }
    let kinds: [WireRequest.OneOf_Kind] = [
        .deposit(deposit),
        .drain(.with { $0.after = 5 }),
        .acknowledge(.with { $0.sequences = [1, 2, 3] }),
        .rosterFetch(.with { $0.after = 1 }),
        .rosterAppend(.with { $0.entries = [key] }),
        .prekeyUpload(
            .with {
                $0.signedPrekey = key
                $0.oneTime = [
                    .with {
                        $0.oneTimePrekey = key
                        $0.kemPrekey = Data(repeating: 3, count: 1200)
                    }
                ]
            }),
        .prekeyTake(.with { $0.device = device }),
        .inviteRegister(
            .with {
                $0.kind = .contact
                $0.initiatorKey = key
                $0.preSharedKey = key
                $0.grantPreSharedKey = key
            }),
        .redeem(
            .with {
                $0.initiatorKey = key
                $0.deposit = deposit
            }),
        .claim(
            .with {
                $0.initiatorKey = key
                $0.device = device
                $0.preSharedKey = key
                $0.signature = Data(count: 64)
                $0.recovery = sampleGrant(.recovery)
            }),
        .nodeStatus(.init()),
        .ping(.init()),
        .grantRevoke(.with { $0.initiatorKey = key }),
        .grantList(.with { $0.after = key }),
        .grantPut(
            .with {
                $0.grants = [sampleGrant(.ownDevice), sampleGrant(.contact), sampleGrant(.route)]
                $0.revoked = [key]
            }),
        .nodeReset(.with { $0.nodeEpoch = device }),
        .routeRegister(
            .with {
                $0.initiatorKey = key
                $0.preSharedKey = key
            }),
        .routeAdd(
            .with {
                $0.route = device
                $0.initiatorSecret = key
                $0.preSharedKey = key
                $0.nodes = [
                    .with {
                        $0.nodeKey = key
                        $0.addresses = ["192.0.2.1:4300"]
                    }
                ]
            }),
        .routeRemove(.with { $0.route = device }),
        .outboxPut(
            .with {
                $0.item = device
                $0.route = device
                $0.deposit = deposit
            }),
        .outboxList(.with { $0.after = device }),
        .outboxAcknowledge(.with { $0.items = [device] }),
        .discoverySet(.with { $0.key = key }),
        .nodeIdentify(.init()),
    ]
    return kinds.map { kind in .with { $0.kind = kind } }
}

/// xorshift64*: the same seed gives the same bytes on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed == 0 ? 1 : seed
    }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

func sampleGrant(_ kind: WireGrant.Kind) -> WireGrant {
    .with {
        $0.kind = kind
        $0.initiatorKey = Data(repeating: 7, count: 32)
        $0.preSharedKey = Data(repeating: 8, count: 32)
        $0.device = Data(repeating: 9, count: 16)
        $0.party = Data(repeating: 10, count: 16)
        $0.origin = Data(repeating: 11, count: 32)
    }
}
