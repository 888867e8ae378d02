import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemSync
import Testing

@testable import SpeemDevice

struct DeviceNamesTests {
    /// Two devices were given one name at the same moment: neither is removed for the other.
    @Test func twoDevicesOfOneName() async throws {
        try await Mesh.with { mesh in
            let devices = try await mesh.account("a1", "a2", "a3").devices
            for (index, name) in [(0, "laptop"), (1, "phone"), (2, "phone")] {
                let id = devices[index].id
                try await devices[0].write {
                    try RegisterRows.set(.deviceName(id), to: Array(name.utf8), by: id, in: $0)
                }
            }
            let roster = try await devices[0].state.roster()
            let ids = roster.devices.map(\.id)
            func find(_ name: String) async throws -> DeviceID {
                try await devices[0].write { try DeviceNames.find(name, of: roster, in: $0).id }
            }
            let short = ids[1...].map { Hex.encode($0.bytes.prefix(4)) }
            await #expect(throws: DeviceError.ambiguousDevice("phone", ids: short)) { try await find("phone") }
            for (id, name) in zip(ids[1...], short) { #expect(try await find(name) == id) }
            #expect(try await find(Hex.encode(ids[2].bytes).uppercased()) == ids[2])
            #expect(try await find("laptop") == ids[0])
            #expect(try await find("lap") == ids[0])
            for name in ["", "ph", String(short[0].prefix(1)) + "zzz"] {
                await #expect(throws: DeviceError.self) { try await find(name) }
            }
        }
    }

    @Test func theWordsAreOfDevices() {
        #expect("\(DeviceError.deviceNameTaken("x"))" == "there is a device \"x\" already")
        #expect(DeviceError.ambiguousDevice("x", ids: ["0a", "0b"]).hint?.contains("0a, 0b") == true)
    }
}

/// The chain that a device has fetched before it is linked.
struct JoiningRosterTests {
    @Test func itGoesOnlyOn() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1")
            let device = alice.devices[0]
            let keys = device.state.local.keys
            let first = try await device.state.roster()
            func next(_ roster: Roster) throws -> Roster {
                var roster = roster
                try roster.append(
                    RosterEntry.next(
                        after: roster.newest, signedBy: keys,
                        devices: [keys.entry, DeviceKeys(random: SystemRandomSource()).entry], nodes: roster.nodes))
                return roster
            }
            let second = try next(first)
            let fork = try next(next(first))
            var recovered = first
            try recovered.append(
                RosterEntry.recovery(after: first.newest, account: alice.key, devices: [keys.entry], nodes: []))
            let winner = recovered
            func take(_ roster: Roster) async throws -> RosterHead {
                try await device.write { try LinkAttempt.take(roster, in: $0) }
                return try await device.state.roster().head
            }
            #expect(try await take(second) == second.head)
            #expect(try await take(first) == second.head)
            // Longer, and not the same.
            await #expect(throws: DeviceError.rosterSplit) { _ = try await take(fork) }
            #expect(try await device.state.roster().head == second.head)
            #expect(try await take(winner) == winner.head)
        }
    }
}
