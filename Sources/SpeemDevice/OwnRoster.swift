import Logging
import SpeemIdentity
import SpeemStore
import SpeemSync

/// The account's own chain.
enum OwnRoster {
    static func load(account: AccountPublicKey, in connection: Connection) throws -> Roster {
        let newest = try connection.first("SELECT encoded FROM roster_entry ORDER BY sequence DESC LIMIT 1") {
            row throws(StoreError) in try row.blob(0)
        }
        return try VerifiedRosters.roster(newest: newest ?? [], account: account) {
            try connection.query("SELECT encoded FROM roster_entry ORDER BY sequence") { row throws(StoreError) in
                try row.blob(0)
            }
        }
    }

    static func insert(_ entry: RosterEntry, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)",
            .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
    }

    static func removeNewest(_ sequence: UInt64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM roster_entry WHERE sequence = ?", .integer(Int64(clamping: sequence)))
    }

    /// Takes a chain that was judged to be the better one, with all that follows from it.
    static func take(
        _ roster: Roster, state: DeviceState, now: Int64 = WallClock.system.milliseconds(), in connection: Connection
    ) throws {
        let before = try load(account: state.account, in: connection)
        try connection.execute("DELETE FROM roster_entry")
        for entry in roster.entries { try insert(entry, in: connection) }
        try OwnNodeRows.follow(roster, in: connection)
        let own = try ContactRows.own(in: connection)
        for device in before.devices where roster.device(device.id) == nil {
            try SessionRows.close(device: device.id, contact: own.id, in: connection)
            try OutgoingRows.forget(device: device.id, contact: own.id, in: connection)
            try SponsorRows.forget(device: device.id, in: connection)
            try LinkRows.forget(device.id, in: connection)
            try OwnDeviceRows.forget(device.id, in: connection)
            try NoticeRows.insert(device.id == state.id ? .thisDeviceRemoved : .removed(device.id), in: connection)
        }
        try RosterEffects(state: state).run(before: before, after: roster, now: now, in: connection)
    }

    /// The home node was asked after another own device had named a head: it must have that.
    static func require(_ wanted: RosterHead, state: DeviceState, in connection: Connection) throws {
        if try !load(account: state.account, in: connection).contains(wanted) {
            state.logger.critical("the home node does not serve the newest roster")
            try NoticeRows.insert(
                .words(
                    "your home node does not serve the account's newest roster, which another device of yours knows: "
                        + "the node may be in other hands and hide that a device was removed"),
                about: wanted, in: connection)
        }
        try ContactRows.looked(at: try ContactRows.own(in: connection).id, alarm: nil, in: connection)
    }

    /// Compares with a chain that a node served, and takes it when it is the better one.
    static func judge(
        _ encoded: [[UInt8]], state: DeviceState, in connection: Connection
    ) throws -> RosterJudgement {
        let known = try load(account: state.account, in: connection)
        let fetched = try Roster(verifying: encoded, account: state.account)
        let judgement = known.judge(fetched)
        if judgement.isTaken { try take(fetched, state: state, in: connection) }
        switch judgement {
        case .forkThatWins, .forkThatLoses:
            state.logger.critical(
                "the account's roster has split in two: a device or the home node may be in other hands")
            try NoticeRows.insert(
                .words(
                    "the account's roster has split in two: a device or the home node may be in other hands; "
                        + "look at speem devices, and use the recovery words (speem recover) when one is not yours"),
                about: fetched.head, in: connection)
        case .same, .newer, .older: break
        }
        return judgement
    }
}
