import SpeemCrypto
import SpeemIdentity
import SpeemStore
import Testing

@testable import SpeemDevice

/// Bytes in memory as a backup.
struct MemoryBackup: BackupSource {
    var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func read(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}

/// What a backup is written in and read from.
struct BackupFormatTests {
    private let account = AccountKey(random: SystemRandomSource())
    private let device = DeviceKeys(random: SystemRandomSource())

    private func manifest(_ schema: UInt32 = BackupManifest.schema) -> BackupManifest {
        var manifest = BackupManifest(account: account.publicKey, device: device.entry.id, made: 1234, rows: 3)
        manifest.schema = schema
        return manifest
    }

    /// A backup of these rows in one table.
    private func backup(
        rows: [[Value]] = [[.integer(7), .text("grüße"), .blob([1, 2, 3]), .null]], manifest: BackupManifest? = nil,
        entry: RosterEntry? = nil, signing: Ed25519.PrivateKey? = nil,
        _ change: (inout BackupWriter) -> Void = { _ in }
    ) throws -> [UInt8] {
        var writer = try BackupWriter(account: account.publicKey, random: SystemRandomSource())
        writer.write(.manifest, (manifest ?? self.manifest()).encoded)
        let genesis = try RosterEntry.genesis(account: account, devices: [device.entry], nodes: [])
        writer.write(.rosterEntry, (entry ?? genesis).encoded)
        writer.write(.table, BackupTable(name: "some_rows", columns: ["a", "b", "c", "d"]).encoded)
        for row in rows { writer.write(.row, BackupRow.encode(row)) }
        change(&writer)
        writer.finish(signing: signing ?? device.signing)
        return writer.take()
    }

    private func verify(_ bytes: [UInt8], with words: AccountKey? = nil) throws -> VerifiedBackup {
        try VerifiedBackup(MemoryBackup(bytes), account: words ?? account)
    }

    private func requireDamaged(_ bytes: [UInt8], _ words: String) {
        #expect {
            try verify(bytes)
        } throws: { error in
            guard let error = error as? BackupError, case .damaged = error else { return false }
            return "\(error)".contains(words)
        }
    }

    @Test func roundTrip() throws {
        let backup = try verify(try backup())
        #expect(backup.manifest == manifest())
        #expect(backup.rows == 1)
        #expect(backup.roster.devices == [device.entry])
    }

    @Test func valuesOfAllTypes() throws {
        let values: [Value] = [
            .null, .integer(.min), .integer(.max), .text(""), .text("🙂"), .blob([]), .blob([0, 255]),
            .secret(SecretBytes([9])),
        ]
        let decoded = try BackupRow.decode(BackupRow.encode(values), count: values.count)
        let plain: [Value] = decoded.map {
            if case .secret(let secret) = $0 { .blob(secret.exposedCopy()) } else { $0 }
        }
        #expect(
            plain == [
                .null, .integer(.min), .integer(.max), .text(""), .text("🙂"), .blob([]), .blob([0, 255]), .blob([9]),
            ])
    }

    /// Rows over many chunks, also longer ones than a chunk.
    @Test func chunksAndRecordsNeedNotAgree() throws {
        for length in [BackupFormat.chunkBytes - 200, BackupFormat.chunkBytes, 3 * BackupFormat.chunkBytes + 1] {
            let rows: [[Value]] = (0..<4).map {
                [.integer($0), .text("x"), .blob([UInt8](repeating: UInt8($0), count: length)), .null]
            }
            #expect(try verify(try backup(rows: rows)).rows == 4)
        }
    }

    /// The end of the records may be that of a chunk.
    @Test func everyLengthAroundAChunk() throws {
        for length in (BackupFormat.chunkBytes - 620)..<(BackupFormat.chunkBytes - 380) {
            let row: [Value] = [.null, .null, .blob([UInt8](repeating: 1, count: length)), .null]
            #expect(try verify(try backup(rows: [row])).rows == 1)
        }
    }

    @Test func everyByteCounts() throws {
        let bytes = try backup()
        for index in bytes.indices {
            for mask: UInt8 in [1, 0x80] {
                var changed = bytes
                changed[index] ^= mask
                #expect(throws: BackupError.self, "byte \(index)") { try verify(changed) }
            }
        }
    }

    @Test func everyCutShows() throws {
        let bytes = try backup()
        for count in bytes.indices {
            #expect(throws: BackupError.self, "\(count)") { try verify(Array(bytes.prefix(count))) }
        }
        requireDamaged(bytes + [0], "something follows its end")
    }

    /// A whole chunk that is left out, doubled or moved.
    @Test func chunksKeepTheirOrder() throws {
        let rows: [[Value]] = (0..<8).map {
            [.integer($0), .null, .blob([UInt8](repeating: UInt8($0), count: BackupFormat.chunkBytes)), .null]
        }
        let bytes = try backup(rows: rows)
        let chunk = 4 + BackupFormat.chunkBytes + SecretStream.overhead
        let begin = BackupFormat.headerLength
        func part(_ index: Int) -> [UInt8] { Array(bytes[(begin + index * chunk)..<(begin + (index + 1) * chunk)]) }
        let head = Array(bytes[..<begin])
        let tail = Array(bytes[(begin + 3 * chunk)...])
        #expect(try verify(head + part(0) + part(1) + part(2) + tail).rows == 8)
        requireDamaged(head + part(0) + part(2) + tail, "not what was written")
        requireDamaged(head + part(0) + part(1) + part(1) + part(2) + tail, "not what was written")
        requireDamaged(head + part(1) + part(0) + part(2) + tail, "not what was written")
    }

    @Test func onlyTheWordsOpenIt() throws {
        let bytes = try backup()
        #expect(throws: BackupError.otherAccount) { try verify(bytes, with: AccountKey(random: SystemRandomSource())) }
        #expect(throws: BackupError.notABackup) { try verify(Array("SQLite format 3".utf8)) }
        #expect(throws: BackupError.notABackup) { try verify([]) }
    }

    /// Whoever knows the public account key can seal to it, and must not be believed.
    @Test func onlyADeviceOfTheAccountCanMakeOne() throws {
        requireDamaged(
            try backup(signing: Ed25519.PrivateKey(random: SystemRandomSource())), "no device of the account")
        let other = AccountKey(random: SystemRandomSource())
        let foreign = try RosterEntry.genesis(account: other, devices: [device.entry], nodes: [])
        requireDamaged(try backup(entry: foreign), "its roster")
        let stranger = DeviceKeys(random: SystemRandomSource())
        let unlisted = BackupManifest(account: account.publicKey, device: stranger.entry.id, made: 0, rows: 0)
        requireDamaged(try backup(manifest: unlisted, signing: stranger.signing), "its roster")
        let elsewhere = BackupManifest(account: other.publicKey, device: device.entry.id, made: 0, rows: 0)
        requireDamaged(try backup(manifest: elsewhere), "its roster")
    }

    @Test func aNewerOneIsRefused() throws {
        #expect(throws: BackupError.newer) { try verify(try backup(manifest: manifest(BackupManifest.schema + 1))) }
    }

    @Test func recordsInAnotherOrder() throws {
        requireDamaged(try backup { $0.write(.manifest, manifest().encoded) }, "second first record")
        requireDamaged(try backup { $0.write(.rosterEntry, [1]) }, "its roster")
        requireDamaged(try backup { $0.write(.end, []) }, "something follows its end")
        requireDamaged(try backup { $0.write(.end, [1]) }, "its end")
        var writer = try BackupWriter(account: account.publicKey, random: SystemRandomSource())
        writer.write(.row, [])
        writer.finish(signing: device.signing)
        requireDamaged(writer.take(), "its first record")
        writer = try BackupWriter(account: account.publicKey, random: SystemRandomSource())
        writer.write(.manifest, manifest().encoded)
        writer.write(.row, [])
        writer.finish(signing: device.signing)
        requireDamaged(writer.take(), "a row of no table")
    }

    @Test func rowsThatAreNoRows() throws {
        for row: [UInt8] in [
            [], [9], [0], [0, 0, 0], [0, 0, 0, 0, 0], [1, 0], [2, 0, 0, 0, 2, 0xff, 0xff, 0, 0, 0],
        ] {
            requireDamaged(try backup { $0.write(.row, row) }, "a row")
        }
        for huge: [UInt8] in [[2, 0xff, 0xff, 0xff, 0xff], [3, 0x7f, 0xff, 0xff, 0xff]] {
            requireDamaged(try backup { $0.write(.row, huge) }, "a row")
        }
    }

    /// Names become part of statements: they are checked before.
    @Test func namesThatAreNoNames() {
        for (name, columns) in [
            ("a", []), ("", ["b"]), ("a", [""]), ("a;drop", ["b"]), ("A", ["b"]), ("a", ["b", "b"]),
            ("a", [String(repeating: "x", count: 65)]),
            ("a", (0..<80).map { "c" + String(repeating: "x", count: $0 % 60) }),
        ] as [(String, [String])] {
            #expect(throws: BackupError.self) { try BackupTable(BackupTable(name: name, columns: columns).encoded) }
        }
        #expect(throws: BackupError.self) { try BackupTable([0, 9, 1]) }
    }
}
