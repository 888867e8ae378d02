import SpeemProtocol
import SwiftProtobuf
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct RequestCheckTests {
    private func refusal(of kind: WireRequest.OneOf_Kind) -> WireError? {
        let bytes = WireRequest.with { $0.kind = kind }.encode()
        do {
            _ = try WireRequest.decode(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func aStoresKeyHas32Bytes() {
        for count in [0, 31, 33] {
            #expect(
                refusal(of: .unlock(.with { $0.dataKey = Data(count: count) }))
                    == .wrongLength(field: "unlock.data_key", expected: 32, actual: count))
        }
        #expect(refusal(of: .unlock(.with { $0.dataKey = key })) == nil)
        #expect(refusal(of: .unlockStart(WireUnlockStart())) == nil)
    }

    private let key = Data(repeating: 7, count: 32)
    private let device = Data(repeating: 9, count: 16)

    private func deposit(
        mailbox: Data? = nil, id: Data? = nil, header: Int = 0, body: Int = 0, targets: Int = 1
    ) -> WireDeposit {
        .with {
            $0.targets = (0..<targets).map { number in
                .with {
                    var device = self.device
                    device[0] = UInt8(number)
                    $0.mailbox = mailbox ?? device
                    $0.envelopeID = id ?? key
                    $0.header = Data(repeating: 0, count: header)
                }
            }
            $0.body = Data(repeating: 0, count: body)
        }
    }

    @Test(arguments: [0, 15, 17])
    func aMailboxHasSixteenBytes(count: Int) {
        let deposit = deposit(mailbox: Data(repeating: 0, count: count))
        let expected = WireError.wrongLength(field: "deposit.targets.mailbox", expected: 16, actual: count)
        #expect(refusal(of: .deposit(deposit)) == expected)
        #expect(
            refusal(
                of: .redeem(
                    .with {
                        $0.initiatorKey = key; $0.deposit = deposit
                    })) == expected)
    }

    @Test(arguments: [0, 31, 33])
    func keysHaveThirtyTwoBytes(count: Int) {
        let bad = Data(repeating: 0, count: count)
        #expect(
            refusal(
                of: .claim(
                    .with {
                        $0.initiatorKey = bad; $0.device = device
                    }))
                == .wrongLength(field: "claim.initiator_key", expected: 32, actual: count))
        #expect(
            refusal(of: .grantRevoke(.with { $0.initiatorKey = bad }))
                == .wrongLength(field: "grant_revoke.initiator_key", expected: 32, actual: count))
        #expect(
            refusal(of: .redeem(.with { $0.initiatorKey = bad }))
                == .wrongLength(field: "redeem.initiator_key", expected: 32, actual: count))
        #expect(
            refusal(of: .deposit(deposit(id: bad)))
                == .wrongLength(field: "deposit.targets.envelope_id", expected: 32, actual: count))
        for field in 0..<3 {
            let invite = WireInviteRegister.with {
                $0.initiatorKey = field == 0 ? bad : key
                $0.preSharedKey = field == 1 ? bad : key
                $0.grantPreSharedKey = field == 2 ? bad : key
            }
            #expect(refusal(of: .inviteRegister(invite)) != nil)
        }
    }

    @Test(arguments: [0, 63, 65])
    func aClaimIsSigned(count: Int) {
        let claim = WireClaim.with {
            $0.initiatorKey = key
            $0.preSharedKey = key
            $0.device = device
            $0.signature = Data(count: count)
        }
        #expect(
            refusal(of: .claim(claim)) == .wrongLength(field: "claim.signature", expected: 64, actual: count))
    }

    @Test func anEnvelopeHasLimits() {
        #expect(
            refusal(of: .deposit(deposit(header: Limits.headerBytes + 1)))
                == .overLimit(field: "deposit.targets.header", limit: Limits.headerBytes))
        #expect(
            refusal(of: .deposit(deposit(body: Limits.bodyBytes + 1)))
                == .overLimit(field: "deposit.body", limit: Limits.bodyBytes))
        let largest = deposit(header: Limits.headerBytes, body: Limits.bodyBytes, targets: Limits.depositTargets)
        #expect(refusal(of: .deposit(largest)) == nil)
    }

    @Test func aDepositNamesEachOfOneToSixteenMailboxesOnce() {
        #expect(refusal(of: .deposit(deposit(targets: 0))) == .missing(field: "deposit.targets"))
        #expect(
            refusal(of: .deposit(deposit(targets: Limits.depositTargets + 1)))
                == .overLimit(field: "deposit.targets", limit: Limits.depositTargets))
        #expect(
            refusal(of: .deposit(deposit(mailbox: device, targets: 2)))
                == .repeated(field: "deposit.targets.mailbox"))
    }

    @Test func listsHaveLimits() {
        let many = WireAcknowledge.with { $0.sequences = Array(0...UInt64(Limits.acknowledgeCount)) }
        #expect(
            refusal(of: .acknowledge(many))
                == .overLimit(field: "acknowledge.sequences", limit: Limits.acknowledgeCount))
        let upload = WirePrekeyUpload.with {
            $0.oneTime = Array(repeating: .init(), count: Limits.prekeyPairs + 1)
        }
        #expect(
            refusal(of: .prekeyUpload(upload)) == .overLimit(field: "prekey_upload.one_time", limit: Limits.prekeyPairs)
        )
        let long = WirePrekeyUpload.with { $0.signedPrekey = Data(repeating: 0, count: Limits.prekeyBytes + 1) }
        #expect(
            refusal(of: .prekeyUpload(long))
                == .overLimit(field: "prekey_upload.signed_prekey", limit: Limits.prekeyBytes))
    }

    /// A grant that is in order but for the length of one field.
    private func grant(_ kind: WireGrant.Kind, _ change: (inout WireGrant) -> Void) -> WireGrant {
        var grant = sampleGrant(kind)
        change(&grant)
        return grant
    }

    @Test func grantsAreWhole() {
        let bad = Data(count: 15)
        for (grant, field, expected) in [
            (grant(.contact) { $0.initiatorKey = bad }, "initiator_key", 32),
            (grant(.recovery) { $0.preSharedKey = bad }, "pre_shared_key", 32),
            (grant(.ownDevice) { $0.device = bad }, "device", 16),
            (grant(.contact) { $0.party = bad }, "party", 16), (grant(.contact) { $0.origin = bad }, "origin", 32),
            (grant(.route) { $0.party = bad }, "party", 16), (grant(.route) { $0.origin = bad }, "origin", 32),
        ] {
            let error = WireError.wrongLength(field: "grant.\(field)", expected: expected, actual: 15)
            #expect(refusal(of: .grantPut(.with { $0.grants = [grant] })) == error)
            let append = WireRosterAppend.with {
                $0.entries = [key]
                $0.grants = [grant]
            }
            #expect(refusal(of: .rosterAppend(append)) == error)
            let claim = WireClaim.with {
                $0.initiatorKey = key
                $0.preSharedKey = key
                $0.device = device
                $0.signature = Data(count: 64)
                $0.recovery = grant
            }
            #expect(refusal(of: .claim(claim)) == error)
        }
        for kind in [.unspecified, .UNRECOGNIZED(9)] as [WireGrant.Kind] {
            #expect(
                refusal(of: .grantPut(.with { $0.grants = [sampleGrant(kind)] })) == .unknownKind(message: "grant"))
        }
    }

    @Test func listsOfGrantsAreBounded() {
        let grants = Array(repeating: sampleGrant(.contact), count: Limits.grants + 1)
        #expect(
            refusal(of: .grantPut(.with { $0.grants = grants }))
                == .overLimit(field: "grant_put.grants", limit: Limits.grants))
        let keys = Array(repeating: key, count: Limits.revokedKeys + 1)
        #expect(
            refusal(of: .grantPut(.with { $0.revoked = keys }))
                == .overLimit(field: "grant_put.revoked", limit: Limits.revokedKeys))
        #expect(
            refusal(of: .grantPut(.with { $0.revoked = [device] }))
                == .wrongLength(field: "grant_put.revoked", expected: 32, actual: 16))
        // The most of both is one request, and one answer.
        #expect(
            refusal(
                of: .grantPut(
                    .with {
                        $0.grants = Array(grants.dropLast())
                        $0.revoked = Array(keys.dropLast())
                    })) == nil)
        let append = WireRosterAppend.with {
            $0.entries = [key]
            $0.grants = Array(repeating: sampleGrant(.ownDevice), count: Limits.depositTargets + 1)
        }
        #expect(
            refusal(of: .rosterAppend(append))
                == .overLimit(field: "roster_append.grants", limit: Limits.depositTargets))
        #expect(refusal(of: .rosterAppend(WireRosterAppend())) == .missing(field: "roster_append.entries"))
    }

    @Test func whatBeginsAPageOrARouteOrAnEpochIsWhole() {
        #expect(refusal(of: .grantList(WireGrantList())) == nil)
        #expect(
            refusal(of: .grantList(.with { $0.after = device }))
                == .wrongLength(field: "grant_list.after", expected: 32, actual: 16))
        #expect(
            refusal(of: .nodeReset(.with { $0.nodeEpoch = key }))
                == .wrongLength(field: "node_reset.node_epoch", expected: 16, actual: 32))
        #expect(
            refusal(of: .routeRegister(.with { $0.preSharedKey = key }))
                == .wrongLength(field: "route_register.initiator_key", expected: 32, actual: 0))
        #expect(
            refusal(of: .routeRegister(.with { $0.initiatorKey = key }))
                == .wrongLength(field: "route_register.pre_shared_key", expected: 32, actual: 0))
    }

    @Test func aFullUploadFitsARequest() {
        let upload = WirePrekeyUpload.with {
            $0.signedPrekey = Data(repeating: 1, count: 110)
            $0.lastResortKemPrekey = Data(repeating: 1, count: 1270)
            $0.oneTime = Array(
                repeating: .with {
                    $0.oneTimePrekey = Data(repeating: 1, count: 110)
                    $0.kemPrekey = Data(repeating: 1, count: 1270)
                }, count: Limits.prekeyPairs)
        }
        #expect(refusal(of: .prekeyUpload(upload)) == nil)
    }

    @Test func responsesAndContentAreCheckedToo() {
        let drained = WireResponse.with {
            $0.drained = .with {
                $0.envelopes = [.with { $0.envelopeID = Data([1]) }]; $0.nodeEpoch = device
            }
        }
        #expect(throws: WireError.wrongLength(field: "envelope.envelope_id", expected: 32, actual: 1)) {
            try WireResponse.decode(drained.encode())
        }
        let text = WireContent.with {
            $0.text = .with { $0.text = String(repeating: "x", count: Limits.textBytes + 1) }
        }
        #expect(throws: WireError.overLimit(field: "text.text", limit: Limits.textBytes)) {
            try WireContent.decode(text.encode())
        }
        let receipt = WireContent.with { $0.receipt = .with { $0.messageIds = [Data([1, 2])] } }
        #expect(throws: WireError.wrongLength(field: "receipt.message_ids", expected: 32, actual: 2)) {
            try WireContent.decode(receipt.encode())
        }
    }
}
