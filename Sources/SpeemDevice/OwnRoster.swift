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
        let isNewItself = before.device(state.id) == nil
        for device in roster.devices where before.device(device.id) == nil && device.id != state.id {
            let isRecovered = signedIn(device.id, by: roster)
            try OwnDeviceRows.insert(device.id, since: isRecovered ? 0 : now, in: connection)
            // A device that was just linked itself need not be told who was there before it.
            guard !isNewItself else { continue }
            try NoticeRows.insert(.linked(device.id), in: connection)
            guard isRecovered else { continue }
            // No other device has said yes to it, so each gives what it has.
            try OwnSync(state: state).queueState(to: device.id, in: connection)
            try SponsorRows.insertAll(device: device.id, state: state, now: now / 1000, in: connection)
        }
        guard roster.device(state.id) != nil, !isNewItself else { return }
        try HistorySync(state: state).compare(
            with: RosterWatch.compares(state.id, old: before, new: roster, own: roster), now: now, in: connection)
    }

    /// Whether the account key itself listed the device: the recovery words may see everything.
    private static func signedIn(_ device: DeviceID, by roster: Roster) -> Bool {
        var signer: RosterEntry.Signer?
        var wasListed = roster.entries[0].devices.contains { $0.id == device }
        for entry in roster.entries.dropFirst() {
            let isListed = entry.devices.contains { $0.id == device }
            if isListed, !wasListed { signer = entry.signer }
            wasListed = isListed
        }
        return signer == .account
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
                in: connection)
        case .same, .newer, .older: break
        }
        try connection.execute("UPDATE contact SET wanted_head = NULL WHERE is_self = 1")
        return judgement
    }
}
