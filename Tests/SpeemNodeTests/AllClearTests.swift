import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

struct AllClearTests {
    private let quota = "[mailbox]\nquota_per_contact = \"1MB\"\n"

    /// Eight of them fit a share of 1 MB.
    private func large(_ number: UInt8, _ home: Home) -> WireRequest {
        .with {
            $0.deposit = deposit(number, home.owner.id)
            $0.deposit.body = Data(count: 120_000)
        }
    }

    private func fill(_ asker: ClientConnection, _ home: Home) async throws {
        for number in 1...9 as ClosedRange<UInt8> {
            let answer = try await asker.request(large(number, home))
            if number == 9 { #expect(answer.outcome.refusal.code == .mailboxFull) } else { #expect(answer.isStored) }
        }
    }

    private func acknowledge(_ count: Int, _ home: Home) async throws {
        for _ in 0..<count {
            let drained = try await home.device.request(.with { $0.drain = .with { $0.maxCount = 1 } }).drained
            _ = try await home.device.request(.with { $0.acknowledge.sequences = drained.envelopes.map(\.sequence) })
        }
    }

    @Test(.timeLimit(.minutes(2))) func whoWasRefusedIsToldWhenThereIsRoom() async throws {
        try await TestNode().serve(quota) { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            try await fill(contact.connection, home)
            try await acknowledge(1, home)
            var pushes = contact.connection.pushes.makeAsyncIterator()
            #expect(await pushes.next()?.kind == .allClear(WireAllClear()))
            // It fits now; refused once more, it is told once more.
            let answer = try await contact.connection.request(large(9, home))
            #expect(answer.isStored)
            let again = try await contact.connection.request(large(10, home))
            #expect(again.outcome.refusal.code == .mailboxFull)
            try await acknowledge(2, home)
            #expect(await pushes.next()?.kind == .allClear(WireAllClear()))
        }
    }

    @Test(.timeLimit(.minutes(2))) func allConnectionsOfTheContactHearIt() async throws {
        try await TestNode().serve(quota) { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let routeKey = X25519.PrivateKey(random: random)
            _ = try await contact.connection.request(registerRoute(routeKey))
            let route = try await home.connect(routeKey, routePreSharedKey)
            try await fill(contact.connection, home)
            // It has asked for nothing yet.
            _ = try await route.request(.with { $0.ping = WirePing() })
            // Another contact has room, and waits for nothing.
            let other = try await home.contact()
            _ = try await other.connection.request(.with { $0.deposit = deposit(1, home.owner.id) })
            try await acknowledge(2, home)
            for connection in [contact.connection, route] {
                var pushes = connection.pushes.makeAsyncIterator()
                #expect(await pushes.next()?.kind == .allClear(WireAllClear()))
            }
            let answer = try await other.connection.request(.with { $0.ping = WirePing() })
            #expect(answer.pong == WirePong())
        }
    }

    @Test(.timeLimit(.minutes(2))) func roomThatOthersLeaveIsTold() async throws {
        // Two contacts have half of it each; one of them leaves.
        let quota = "[mailbox]\nquota = \"3MB\"\nquota_own = \"1MB\"\nquota_per_contact = \"2MB\"\n"
        try await TestNode().serve(quota) { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let leaving = try await home.contact()
            try await fill(contact.connection, home)
            _ = try await home.revoke(leaving.key.publicKey)
            var pushes = contact.connection.pushes.makeAsyncIterator()
            #expect(await pushes.next()?.kind == .allClear(WireAllClear()))
        }
    }

    @Test(.timeLimit(.minutes(2))) func whoWaitsIsRememberedUntilItIsTold() async throws {
        try await TestNode().serve(quota) { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            try await fill(contact.connection, home)
            let entry = try #require(home.state.access.entry(for: contact.key.publicKey.bytes))
            #expect(await service.requests.allClears.isWaiting(entry.party))
            try await acknowledge(1, home)
            var pushes = contact.connection.pushes.makeAsyncIterator()
            #expect(await pushes.next()?.kind == .allClear(WireAllClear()))
            #expect(await !service.requests.allClears.isWaiting(entry.party))
        }
    }
}
