import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemSpool
import SpeemStore

/// Brings what was taken in while the store was locked into the mailboxes, a record in each transaction.
///
/// Where it has come to is written in the same transactions, so a crash repeats nothing; and a file goes only after its last
/// record is committed and the machine file knows of it.
struct SpoolReplay: Sendable {
    let state: NodeState
    let folder: SpoolFolder
    /// The store's seal key; asked for only when there is something.
    let key: @Sendable () throws -> X25519.PrivateKey

    /// What came of it.
    struct Report: Sendable, Equatable {
        var stored: Int64 = 0
        /// The same envelope was there already.
        var duplicates: Int64 = 0
        /// For no mailbox that is there any more, or with other bytes under a known id.
        var refused: Int64 = 0
        var damage: [SpoolDamage] = []
        /// Devices that got something.
        var devices: Set<[UInt8]> = []
    }

    /// - Throws: ``SpeemStore/StoreError`` (``SpeemStore/StoreError/diskFull(path:)`` passes), ``SpeemSpool/SpoolError``;
    ///   what was not replayed is kept, and the next call goes on there.
    func run() async throws -> Report {
        var report = Report()
        for file in try folder.files() { try await replay(file, &report) }
        if report != Report() { log(report) }
        return report
    }

    /// Bytes that are not in the mailboxes yet, and the names of files that were set aside.
    func left() throws(SpoolError) -> (bytes: Int64, damaged: [String]) {
        (try folder.files().reduce(0) { $0 + $1.size }, try folder.aside())
    }

    private func replay(_ file: SpoolFolder.File, _ report: inout Report) async throws {
        let position = try await state.store.read { try SpoolPosition.read(in: $0) }
        let hash = try folder.hash(of: file)
        if file.number <= position.last.number, hash == position.last.link {
            // A crash came between its last record and its removal.
            return try await finish(file, isDamaged: false)
        }
        var damage: [SpoolDamage] = []
        if var reader = try SpoolReader(folder, file, with: key()) {
            defer { reader.close() }
            if reader.link != position.last.link {
                damage.append(
                    SpoolDamage(
                        file: file.name,
                        place: "the file before it is missing, or was changed after this one was begun"))
            }
            let known = position.partial.number == file.number ? position.partial.records : 0
            while let record = try reader.next() {
                if record.number >= known { try await replay(record, of: file.number, &report) }
            }
            damage += reader.damage
        } else {
            damage.append(SpoolDamage(file: file.name, place: "its header, without which nothing of it can be read"))
        }
        report.damage += damage
        let last = SpoolPosition.Last(number: file.number, link: hash)
        try await state.write(grows: false) { try SpoolPosition.finished(last, in: $0) }
        try await finish(file, isDamaged: !damage.isEmpty)
    }

    /// The next boot's file links to this one, and so must be told before it goes.
    private func finish(_ file: SpoolFolder.File, isDamaged: Bool) async throws {
        try await state.settleMachine()
        if isDamaged {
            _ = try folder.setAside(file)
        } else {
            try folder.remove(file)
        }
    }

    private func replay(_ record: SpoolReader.Record, of number: UInt64, _ report: inout Report) async throws {
        let entries = record.entries
        let clock = state.clock
        let done = try await state.write(cost: Store.smallCost + entries.reduce(0) { $0 + $1.count }) {
            [mailboxes = state.mailboxes] connection -> Report in
            var done = Report()
            for bytes in entries {
                // Anybody with the card can append what he likes: that must not keep the rest away.
                guard let entry = try? SpooledDeposit(bytes) else {
                    done.refused += 1
                    continue
                }
                let deposit = Deposit(entry.deposit)
                let party = try PartyRows.id(of: entry.party, in: connection)
                // "Stored" was said already, so there is no refusing for space now: the spool's own bound was the limit,
                // and nothing further is taken in until it is below its share again.
                let outcomes = try mailboxes.lifted.deposit(
                    deposit, from: party, as: .init(party: party), contacts: 1, clock: clock, in: connection)
                for (target, outcome) in zip(deposit.targets, outcomes) {
                    switch outcome {
                    case .stored:
                        done.stored += 1
                        done.devices.insert(target.device)
                    case .duplicate: done.duplicates += 1
                    case .refused: done.refused += 1
                    }
                }
            }
            try SpoolPosition.replayed(record.number + 1, of: number, in: connection)
            return done
        }
        report.stored += done.stored
        report.duplicates += done.duplicates
        report.refused += done.refused
        report.devices.formUnion(done.devices)
    }

    private func log(_ report: Report) {
        state.logger.notice(
            "what came while the node was locked is in the mailboxes",
            metadata: [
                "stored": "\(report.stored)", "duplicates": "\(report.duplicates)", "refused": "\(report.refused)",
            ])
        for damage in report.damage {
            state.logger.error(
                "\(folder.path)/\(damage); what could be read of it is in the mailboxes, the file is kept as \(damage.file).damaged"
            )
        }
    }
}

extension Mailboxes {
    /// Without a limit of space.
    fileprivate var lifted: Mailboxes {
        Mailboxes(quota: Quota(total: .max, perContact: .max, own: .max / 2), maxAge: maxAge)
    }
}
