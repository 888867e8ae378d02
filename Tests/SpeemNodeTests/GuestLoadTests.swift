import Foundation
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct GuestLoadTests {
    @Test func bytesAreBounded() {
        let load = GuestLoad()
        #expect(!load.enter(GuestLoad.maxBytes + 1))
        #expect(load.enter(GuestLoad.maxBytes))
        #expect(!load.enter(1))
        load.leave(GuestLoad.maxBytes)
        #expect(load.enter(1))
    }

    @Test func requestsAreBounded() {
        let load = GuestLoad()
        for _ in 0..<GuestLoad.maxRequests { #expect(load.enter(0)) }
        #expect(!load.enter(0))
        load.leave(0)
        #expect(load.enter(0))
    }

    @Test func aDepositHoldsWhatItBrings() {
        var request = WireRequest.with { $0.deposit = deposit(1, Data(count: 16)) }
        request.deposit.body = Data(count: 1000)
        request.deposit.targets[0].header = Data(count: 100)
        #expect(request.heldBytes == Store.smallCost + 1100)
        #expect(WireRequest.with { $0.ping = WirePing() }.heldBytes == Store.smallCost)
    }

    @Test func othersDoNotLockTheOwnerOut() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let load = service.requests.guests
            // As if it waited for the store.
            #expect(load.enter(GuestLoad.maxBytes))
            let refusal = try await contact.connection.request(.with { $0.deposit = deposit(1, home.owner.id) }).refusal
            #expect(refusal.code == .busy && refusal.retryAfterMs > 0)
            #expect(try await home.device.request(.with { $0.deposit = deposit(2, home.owner.id) }).isStored)
            load.leave(GuestLoad.maxBytes)
            // What was answered is not counted any more.
            for _ in 0..<3 {
                let answer = try await contact.connection.request(.with { $0.deposit = deposit(1, home.owner.id) })
                #expect(answer.deposited.outcomes.count == 1)
            }
            #expect(load.enter(GuestLoad.maxBytes))
        }
    }
}
