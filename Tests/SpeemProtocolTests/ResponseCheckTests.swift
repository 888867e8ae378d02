import SpeemProtocol
import SwiftProtobuf
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct ResponseCheckTests {
    private func refusal(of kind: WireResponse.OneOf_Kind) -> WireError? {
        do {
            _ = try WireResponse.decode(WireResponse.with { $0.kind = kind }.encode())
            return nil
        } catch {
            return error
        }
    }

    private func entries(_ count: Int, _ bytes: Int) -> WireResponse.OneOf_Kind {
        .rosterChain(.with { $0.entries = [Data](repeating: Data(count: bytes), count: count) })
    }

    @Test func aChainIsBounded() {
        #expect(refusal(of: entries(6, Limits.rosterEntryBytes)) == nil)
        let field = "roster_chain.entries"
        #expect(
            refusal(of: entries(1, Limits.rosterEntryBytes + 1))
                == .overLimit(field: field, limit: Limits.rosterEntryBytes))
        #expect(
            refusal(of: entries(7, Limits.rosterEntryBytes)) == .overLimit(field: field, limit: Limits.rosterBytes))
        #expect(refusal(of: entries(0, 0)) == nil)
    }

    @Test func aNodesStateIsBounded() {
        let mailbox = WireMailboxState.with { $0.device = Data(count: 16) }
        func state(_ count: Int, version: Int = 5) -> WireResponse.OneOf_Kind {
            .nodeState(
                .with {
                    $0.mailboxes = [WireMailboxState](repeating: mailbox, count: count)
                    $0.version = String(repeating: "1", count: version)
                    $0.nodeEpoch = Data(count: 16)
                    $0.grantsDigest = Data(count: 32)
                })
        }
        #expect(refusal(of: state(Limits.mailboxes, version: Limits.versionBytes)) == nil)
        #expect(
            refusal(of: state(Limits.mailboxes + 1))
                == .overLimit(field: "node_state.mailboxes", limit: Limits.mailboxes))
        #expect(
            refusal(of: state(1, version: Limits.versionBytes + 1))
                == .overLimit(field: "node_state.version", limit: Limits.versionBytes))
        func state(_ change: @escaping (inout WireNodeState) -> Void) -> WireResponse.OneOf_Kind {
            .nodeState(
                .with {
                    $0.nodeEpoch = Data(count: 16)
                    $0.grantsDigest = Data(count: 32)
                    change(&$0)
                })
        }
        #expect(refusal(of: state { $0.devicesOnline = [Data(count: 16)] }) == nil)
        #expect(
            refusal(of: state { $0.devicesOnline = [Data(count: 16), Data()] })
                == .wrongLength(field: "node_state.devices_online", expected: 16, actual: 0))
        #expect(
            refusal(of: state { $0.devicesOnline = [Data](repeating: Data(count: 16), count: Limits.mailboxes + 1) })
                == .overLimit(field: "node_state.devices_online", limit: Limits.mailboxes))
        #expect(
            refusal(of: state { $0.keySource = String(repeating: "k", count: Limits.keySourceBytes + 1) })
                == .overLimit(field: "node_state.key_source", limit: Limits.keySourceBytes))
        #expect(
            refusal(of: state { $0.clockReason = String(repeating: "c", count: Limits.detailBytes + 1) })
                == .overLimit(field: "node_state.clock_reason", limit: Limits.detailBytes))
        #expect(
            refusal(of: .nodeState(.with { $0.mailboxes = [WireMailboxState()] }))
                == .wrongLength(field: "node_state.mailboxes.device", expected: 16, actual: 0))
    }

    @Test func whatALockedNodeShowsIsBounded() {
        func info(wrapped: Int = 1, name: Int = 1, addresses: Int = 1, address: Int = 1) -> WireResponse.OneOf_Kind {
            .unlockInfo(
                .with {
                    $0.wrappedKey = Data(count: wrapped)
                    $0.name = String(repeating: "a", count: name)
                    $0.addresses = Array(repeating: String(repeating: "b", count: address), count: addresses)
                })
        }
        let longest = info(
            wrapped: Limits.wrappedKeyBytes, name: Limits.nameBytes, addresses: Limits.addresses,
            address: Limits.addressBytes)
        #expect(refusal(of: longest) == nil)
        #expect(
            refusal(of: info(wrapped: Limits.wrappedKeyBytes + 1))
                == .overLimit(field: "unlock_info.wrapped_key", limit: Limits.wrappedKeyBytes))
        #expect(
            refusal(of: info(name: Limits.nameBytes + 1))
                == .overLimit(field: "unlock_info.name", limit: Limits.nameBytes))
        let field = "unlock_info.addresses"
        #expect(
            refusal(of: info(addresses: Limits.addresses + 1)) == .overLimit(field: field, limit: Limits.addresses))
        #expect(
            refusal(of: info(address: Limits.addressBytes + 1))
                == .overLimit(field: field, limit: Limits.addressBytes))
    }

    @Test func aPageOfGrantsIsBounded() {
        func page(_ grants: Int, _ revoked: Int) -> WireResponse.OneOf_Kind {
            .grantPage(
                .with {
                    $0.grants = Array(repeating: sampleGrant(.contact), count: grants)
                    $0.revoked = Array(repeating: Data(count: 32), count: revoked)
                })
        }
        #expect(refusal(of: page(Limits.grants, Limits.revokedKeys)) == nil)
        #expect(
            refusal(of: page(Limits.grants + 1, 0)) == .overLimit(field: "grant_page.grants", limit: Limits.grants))
        #expect(
            refusal(of: page(0, Limits.revokedKeys + 1))
                == .overLimit(field: "grant_page.revoked", limit: Limits.revokedKeys))
        #expect(
            refusal(of: .grantPage(.with { $0.grants = [WireGrant()] }))
                == .wrongLength(field: "grant.initiator_key", expected: 32, actual: 0))
        #expect(
            refusal(of: .nodeWasReset(WireNodeWasReset()))
                == .wrongLength(field: "node_was_reset.node_epoch", expected: 16, actual: 0))
    }

    @Test func aHeadIsWholeOrAbsent() {
        for count in [0, 32] {
            #expect(refusal(of: .refusal(WireRefusal(.rosterConflict, head: Data(count: count)))) == nil)
        }
        for count in [1, 31, 33] {
            #expect(
                refusal(of: .refusal(WireRefusal(.rosterConflict, head: Data(count: count))))
                    == .wrongLength(field: "refusal.head", expected: 32, actual: count))
        }
    }

    @Test(arguments: ["a", "ä", "€", "👨‍👩‍👧‍👦", "e\u{301}\u{301}\u{301}"])
    func wordsAreCutToWhatDecodes(letter: String) throws {
        for extra in 0..<5 {
            let words = String(repeating: "x", count: extra) + String(repeating: letter, count: 600)
            let cut = WireRefusal(.internal, words).detail
            #expect(cut.utf8.count <= Limits.detailBytes && cut.utf8.count > Limits.detailBytes - 4)
            #expect(words.utf8.starts(with: cut.utf8))
            #expect(refusal(of: .refusal(WireRefusal(.internal, words))) == nil)
        }
        #expect("short".cut(toBytes: 5) == "short")
        #expect("short".cut(toBytes: 0) == "")
    }
}
