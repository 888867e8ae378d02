import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct OwnNodeFullTests {
    /// A phone sleeps until the own node is full: what the node pushes is read all the same, and when there is room again the
    /// node says so.
    @Test func whatIsPushedIsReadAllTheSame() async throws {
        let limits = "[mailbox]\nquota = \"10MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\""
        try await TestPair.with(bobLimits: limits) { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.bob.link(phone)
            try await phone.sync()
            try await pair.bob.sync()
            try await phone.sync()
            try await pair.bob.open { device in
                let cleared = device.retryAll.subscribe()
                device.poll = .seconds(3600)
                let work = Task { await BackgroundWork(device: device).run() }
                let state = device.state
                let own = try await state.store.write { connection in
                    let account = try #require(try ContactRows.all(in: connection).first).account
                    for _ in 1...30 {
                        let message = WireSyncMessage.with {
                            $0.id = Data(state.random.bytes(32))
                            $0.conversation = Data(account.bytes)
                            $0.text = String(repeating: "x", count: 60_000)
                        }
                        try OutgoingMail(state: state).queueSync(.with { $0.messages = [message] }, in: connection)
                    }
                    return try ContactRows.own(in: connection).id
                }
                device.work.notify()
                try await until("it is full") {
                    try await state.store.read { connection in
                        try connection.first(
                            "SELECT 1 FROM outgoing WHERE contact = ? AND state = 0 AND trouble LIKE '%mailbox%'",
                            .integer(own)
                        ) { row throws(StoreError) in try row.integer(0) } != nil
                    }
                }
                // One after the other, so that each is a push of its own.
                for number in 1...4 {
                    _ = try await pair.alice.send("bob", "\(number)")
                    try await until("\(number) has come") {
                        try await state.store.read { connection in
                            try connection.first("SELECT 1 FROM message WHERE text = ?", .text("\(number)")) {
                                row throws(StoreError) in try row.integer(0)
                            } != nil
                        }
                    }
                }
                // The node says it: the device does not wait for its own next try.
                let isToldSo = Task {
                    for await _ in cleared { return true }; return false
                }
                try await until("nothing waits") {
                    try await phone.sync()
                    return try await state.store.read { connection in
                        try connection.first("SELECT 1 FROM outgoing WHERE contact = ? AND state = 0", .integer(own)) {
                            row throws(StoreError) in try row.integer(0)
                        } == nil
                    }
                }
                work.cancel()
                await device.connections.shutDown()
                await work.value
                isToldSo.cancel()
                #expect(await isToldSo.value)
            }
        }
    }
}
