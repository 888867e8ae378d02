import Foundation
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// A second device is linked, refused, abandoned, or asks again.
struct LinkTests {
    @Test func linkedDeviceReadsAndAllOthersAreTold() async throws {
        try await TestPair.with { pair in
            let phone = try TestDevice(new: "phone")
            let tablet = try TestDevice(new: "tablet")
            try await pair.alice.link(phone)
            try await phone.sync()
            #expect(try await phone.contacts() == ["bob confirmed"])
            try await pair.alice.link(tablet)
            try await phone.sync()
            #expect(try await pair.alice.notices().contains("tablet was linked"))
            #expect(try await phone.notices() == ["tablet was linked"])
            for device in [pair.alice, phone, tablet] {
                #expect(try await device.devices() == ["alice-1", "phone", "tablet"])
            }
            _ = try await pair.alice.sent()
            _ = try await pair.bob.contacts()
            _ = try await pair.bob.send("alice", "hello")
            for device in [pair.alice, phone, tablet] { #expect(try await device.inbox(all: true) == ["bob: hello"]) }
        }
    }

    /// The account key is on no device: neither the store of the first nor what travels has it.
    @Test func noAccountKeyTravels() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            try await phone.open { device in
                let known = try await device.state.store.read { connection in
                    try connection.first("SELECT recovery_key IS NULL FROM device") { row throws(StoreError) in
                        try row.flag(0)
                    }
                }
                #expect(known == true)
                let roster = try await device.state.roster()
                #expect(roster.newest.signer != .account)
            }
        }
    }

    /// Cut after so many bytes from the node, on the side of the newcomer; then once more.
    @Test(arguments: [0, 1, 49, 51, 70, 150, 300, 600, 900, 1500, 2500, 3500, 5000])
    func newcomerIsCutOff(after cut: Int) async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.aliceNode.address }
            let phone = try TestDevice(new: "phone")
            let invite = SpeemInvite.moved(try Invite(text: try await pair.alice.deviceInvite()), to: proxy.address)
            proxy.allow(cut)
            let broken = Task { try await phone.join(invite) }
            // Either it is cut off, or it waits for the answer.
            try await eventually {
                let asking = try await pair.alice.call("devices")["asking"]?.arrayValue ?? []
                return !asking.isEmpty || proxy.isSpent
            }
            broken.cancel()
            _ = try? await broken.value
            proxy.allow(nil)
            try await phone.ask(invite)
            try await pair.alice.sayYes()
            proxy.allow(cut)
            try? await phone.join(invite)
            proxy.allow(nil)
            if try await !phone.isLinked { try await phone.join(invite) }
            #expect(try await phone.devices() == ["alice-1", "phone"])
            #expect(try await pair.alice.roster().devices.count == 2)
        }
    }

    /// Cut on the side of the device that says yes; the same yes again.
    @Test(arguments: [0, 1, 49, 51, 70, 90, 110, 130, 160, 200, 300, 400, 600])
    func inviterIsCutOff(after cut: Int) async throws {
        let node = try await TestNode()
        let proxy = try await CuttingProxy.start { await node.address }
        try await node.start()
        let alice = try await TestDevice("alice")
        _ = try await alice.accept(SpeemInvite.moved(try #require(await node.claim), to: proxy.address))
        let phone = try TestDevice(new: "phone")
        let invite = try await alice.deviceInvite()
        try await phone.ask(invite)
        _ = try await alice.devices()
        try await alice.open { device in
            let flow = LinkFlow(state: device.state, connections: device.connections, clock: .system)
            let link = try await flow.find("phone")
            proxy.allow(cut)
            _ = try? await flow.accept(link, history: .all)
            proxy.allow(nil)
        }
        // The daemon may come by before the person does.
        if cut % 20 == 0 { try await alice.sync() }
        if try await alice.call("devices")["asking"]?.arrayValue?.isEmpty == false { try await alice.sayYes() }
        try await phone.join(invite)
        try await alice.sync()
        try await phone.sync()
        #expect(try await phone.devices() == ["alice-1", "phone"])
        #expect(try await alice.devices() == ["alice-1", "phone"])
        #expect(try await alice.notices().filter { $0 == "phone was linked" }.count == 1)
        try await node.stop()
    }

    /// The yes reaches the home node, its answer is lost, and the person thinks better of it: nothing half is left.
    @Test func refusingAfterAYesThatWasHeardIsSaid() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await phone.ask(try await pair.alice.deviceInvite())
            _ = try await pair.alice.devices()
            try await pair.alice.open { device in
                let flow = LinkFlow(state: device.state, connections: device.connections, clock: .system)
                let link = try await flow.find("phone")
                let before = try await device.state.roster()
                _ = try await flow.accept(link, history: .all)
                // As if the program had been killed before its commit.
                try await device.state.store.write {
                    try $0.execute("DELETE FROM roster_entry WHERE sequence > ?", .integer(Int64(before.entries.count)))
                }
                await #expect(throws: DeviceError.alreadyLinked("phone")) { try await flow.refuse(link) }
            }
            #expect(try await pair.alice.devices() == ["alice-1", "phone"])
        }
    }

    @Test func refusedDeviceLeavesNothingAndMayAskAgain() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            let invite = try await pair.alice.deviceInvite()
            try await phone.ask(invite)
            _ = try await pair.alice.devices()
            try await pair.alice.call("devices.refuse", ["name": .string("phone")])
            await #expect(throws: DeviceError.self) { try await phone.join(invite) }
            await #expect(throws: DeviceError.notLinked) { try await phone.sync() }
            #expect(try await pair.alice.devices() == ["alice-1"])
            #expect(try await pair.alice.call("devices")["asking"]?.arrayValue == [])
            try await pair.alice.link(phone)
            #expect(try await phone.devices() == ["alice-1", "phone"])
        }
    }

    /// An attempt is left where it is, and another invite taken: of the same account, or of another one.
    @Test func abandonedAttemptBeginsAnew() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await phone.ask(try await pair.alice.deviceInvite())
            let second = try await pair.alice.deviceInvite()
            try await phone.ask(second)
            // Both ask; the first is a device that does not exist any more.
            let asking = try await pair.alice.call("devices")["asking"]?.arrayValue ?? []
            #expect(asking.count == 2)
            let fingerprint = try await phone.fingerprint(second)
            try await pair.alice.call("devices.link", ["name": .string(fingerprint)])
            try await phone.join(second)
            #expect(try await phone.devices() == ["alice-1", "phone"])
            await #expect(throws: DeviceError.self) { try await phone.ask(try await pair.bob.deviceInvite()) }
            let other = try TestDevice(new: "other")
            try await other.ask(try await pair.alice.deviceInvite())
            try await pair.bob.link(other)
            #expect(try await other.devices() == ["bob-1", "other"])
        }
    }

    /// The yes was said while the device was off, and its person takes a newer invite: it is linked by the first.
    @Test func newInviteAfterAYesGoesOnWithTheFirst() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await phone.ask(try await pair.alice.deviceInvite())
            try await pair.alice.sayYes()
            try await phone.join(try await pair.alice.deviceInvite())
            #expect(try await phone.devices() == ["alice-1", "phone"])
            #expect(try await pair.alice.roster().devices.count == 2)
        }
    }

    @Test func twoNewcomersWithOneInvite() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            let thief = try TestDevice(new: "thief")
            let invite = try await pair.alice.deviceInvite()
            try await phone.ask(invite)
            do {
                try await thief.join(invite)
                Issue.record("a second device has used the invite")
            } catch let error as DeviceError {
                #expect("\(error)" == "the invite cannot be used: the invite was used")
            }
            try await pair.alice.sayYes()
            try await phone.join(invite)
            #expect(try await pair.alice.devices() == ["alice-1", "phone"])
            // After the answer it is of no use either, and cannot be answered twice.
            await #expect(throws: (any Error).self) { try await thief.join(invite) }
        }
    }

    @Test func expiredInviteIsRefused() async throws {
        try await TestPair.with(contacts: false) { pair in
            let invite =
                try await pair.alice.call(
                    "invite", ["kind": .string("device"), "lifetime_seconds": .integer(1)])["invite"]?.stringValue ?? ""
            // The text says otherwise: the node knows better.
            let parsed = try Invite(text: invite)
            let forged = Invite(purpose: parsed.purpose, expires: 0, node: parsed.node, secret: parsed.secret).text
            try await Task.sleep(for: .seconds(2))
            do {
                try await TestDevice(new: "phone").ask(forged)
                Issue.record("an expired invite was taken")
            } catch { #expect("\(error)".contains("expired") || "\(error)".contains("does not know")) }
            await #expect(throws: DeviceError.self) { try await TestDevice(new: "late").ask(invite) }
            #expect(try await pair.alice.devices() == ["alice-1"])
        }
    }

    /// The node serves bob's chain where the invite promises alice's.
    @Test func chainOfAnotherAccountIsRefused() async throws {
        try await TestPair.with(contacts: false) { pair in
            let alice = try Invite(text: try await pair.alice.deviceInvite())
            let bob = try Invite(text: try await pair.bob.deviceInvite())
            let forged = Invite(purpose: bob.purpose, expires: alice.expires, node: alice.node, secret: alice.secret)
            let phone = try TestDevice(new: "phone")
            do {
                try await phone.ask(forged.text)
                try await phone.join(forged.text)
                Issue.record("another account's chain was taken")
            } catch {
                #expect("\(error)".contains("serves another roster"))
            }
            #expect(try await pair.alice.call("devices")["asking"]?.arrayValue == [])
        }
    }

    /// Of a store whose link was never finished nothing can be used, and it says what to do.
    @Test func unfinishedStoreSaysSo() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await phone.ask(try await pair.alice.deviceInvite())
            await #expect(throws: DeviceError.notLinked) { try await phone.sync() }
            await #expect(throws: DeviceError.alreadyInitialised) { _ = try await Device.initialise(phone.config) }
            // The recovery words end the wait as well.
            let words = try #require(pair.alice.words)
            try await phone.recover(words, at: pair.aliceNode)
            #expect(try await phone.roster().devices.count == 2)
        }
    }
}

extension TestDevice {
    var isLinked: Bool {
        get async throws {
            do {
                try await sync()
                return true
            } catch DeviceError.notLinked { return false }
        }
    }

    func fingerprint(_ invite: String) async throws -> String {
        let joining = try await begin(invite)
        await joining.close()
        return joining.fingerprint
    }
}
