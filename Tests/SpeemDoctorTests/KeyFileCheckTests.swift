import Foundation
import SpeemConfig
import Testing

@testable import SpeemDoctor

struct KeyFileCheckTests {
    private func finding(
        _ file: KeyFileCheck.Facts.File, _ place: KeyFileCheck.Facts.Place = .elsewhere, hasStore: Bool = true,
        isNode: Bool = false
    ) -> Finding {
        let finding = KeyFileCheck.finding(
            KeyFileCheck.Facts(path: "/k", file: file, place: place, hasStore: hasStore, isNode: isNode))
        #expect(finding.check == .keyFile)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    @Test func itsOwnersAlone() {
        for mode: UInt32 in [0o600, 0o400, 0o700] {
            #expect(finding(.regular(mode: mode, isOwn: true)) == .ok(.keyFile, "only its owner may read it"))
        }
    }

    @Test func besideTheStoreAThiefHasBoth() {
        let file = KeyFileCheck.Facts.File.regular(mode: 0o600, isOwn: true)
        for (place, words) in [(KeyFileCheck.Facts.Place.besideStore, "beside the store"), (.sameDisk, "store's disk")]
        {
            let found = finding(file, place)
            #expect(found.state == .ok)
            #expect(found.words.contains(words) && found.words.contains("thief"))
        }
    }

    @Test func othersMayUseIt() {
        for mode: UInt32 in [0o644, 0o640, 0o606, 0o601, 0o620] {
            let found = finding(.regular(mode: mode, isOwn: true))
            #expect(found.state == .problem)
            #expect(found.words == "others may use /k (mode 0\(String(mode, radix: 8)))")
            #expect(found.toDo == "chmod 600 /k")
        }
    }

    @Test func anothersOrNoFile() {
        #expect(finding(.regular(mode: 0o600, isOwn: false)).state == .problem)
        #expect(finding(.other).state == .problem)
        #expect(finding(.failed(Obstacle("cannot look at /k"))).state == .unknown)
    }

    @Test func missing() {
        #expect(finding(.missing).state == .problem)
        #expect(finding(.missing, hasStore: false).state == .unknown)
        #expect(finding(.missing, hasStore: false).toDo == "run speem init")
        #expect(finding(.missing, hasStore: false, isNode: true).toDo == "run speem run")
    }

    @Test func theConfigurationHasNotHeardOfThePassphrase() {
        let found = KeyFileCheck.finding(
            KeyFileCheck.Facts(path: "/k", file: .missing, place: .elsewhere, hasStore: true, isNode: true),
            isWrapped: true)
        #expect(found.state == .problem)
        #expect(found.toDo == "set key = \"passphrase\" in [store]")
    }

    // MARK: A passphrase

    private func passphrase(
        _ file: KeyFileCheck.Facts.File, hasStore: Bool = true, keyFile: String? = nil
    ) -> Finding {
        let facts = KeyFileCheck.Facts(
            path: "/d/store.wrapped", file: file, place: .besideStore, hasStore: hasStore, isNode: true)
        let finding = KeyFileCheck.passphraseFinding(facts, keyFile: keyFile)
        #expect(finding.check == .keyFile && finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    @Test func wrapped() {
        let file = KeyFileCheck.Facts.File.regular(mode: 0o644, isOwn: true)
        #expect(passphrase(file) == .ok(.keyFile, "it is wrapped under a passphrase"))
        let left = passphrase(file, keyFile: "/k")
        #expect(left.state == .problem && left.words.contains("/k is still there"))
        #expect(passphrase(.missing).state == .problem)
        #expect(passphrase(.missing, hasStore: false).state == .unknown)
        #expect(passphrase(.missing, keyFile: "/k").toDo == "run speem passphrase")
        #expect(passphrase(.other).state == .problem && passphrase(.other, keyFile: "/k").state == .problem)
        #expect(passphrase(.failed(Obstacle("cannot look at it"))).state == .unknown)
    }

    // MARK: The real disk

    private func config(_ folder: TemporaryFolder, _ lines: String) throws -> Config {
        let text = "role = 'node'\ndata = '\(folder.path)/data'\n[store]\n" + lines
        return try Config.parse(Array(text.utf8), file: folder.path + "/speem.toml", home: nil)
    }

    @Test func eachKindOfKey() throws {
        let folder = try TemporaryFolder()
        try folder.write("data/store.db", bytes: 1)
        try folder.write("data/store.key", bytes: 80)
        #expect(chmod(folder.path + "/data/store.key", 0o600) == 0)
        let file = try config(folder, "")
        #expect(KeyFileCheck.finding(file).state == .ok)
        #expect(Doctor.keyWarning(file)?.contains("beside the store") == true)
        let passphrase = try config(folder, "key = 'passphrase'")
        #expect(KeyFileCheck.finding(passphrase).toDo == "run speem passphrase")
        #expect(Doctor.keyWarning(passphrase)?.contains("without the passphrase") == true)
        try folder.write("data/store.wrapped", bytes: 180)
        #expect(KeyFileCheck.finding(passphrase).state == .problem)
        try FileManager.default.removeItem(atPath: folder.path + "/data/store.key")
        #expect(KeyFileCheck.finding(passphrase).state == .ok)
        #expect(Doctor.keyWarning(passphrase) == nil)
        #expect(KeyFileCheck.finding(file).words.contains("the store has a passphrase"))
        let credential = try config(folder, "key = 'credential'")
        #expect(KeyFileCheck.finding(credential).words.contains("speem-store-key"))
        #expect(Doctor.keyWarning(credential) == nil)
    }

    private func look(_ key: String, _ folder: TemporaryFolder) -> KeyFileCheck.Facts {
        KeyFileCheck.Facts.look(key, dataFolder: folder.path + "/data", isNode: false)
    }

    @Test func whatIsOnTheDisk() throws {
        let folder = try TemporaryFolder()
        let key = folder.path + "/data/store.key"
        #expect(look(key, folder).file == .missing)
        #expect(!look(key, folder).hasStore)
        try folder.write("data/store.db", bytes: 1)
        try folder.write("data/store.key", bytes: 80)
        #expect(chmod(key, 0o640) == 0)
        let facts = look(key, folder)
        #expect(facts.file == .regular(mode: 0o640, isOwn: true))
        #expect(facts.place == .besideStore)
        #expect(facts.hasStore)
        try folder.write("elsewhere.key", bytes: 80)
        #expect(look(folder.path + "/elsewhere.key", folder).place == .sameDisk)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: key)
        #expect(look(folder.path + "/link", folder).file == .other)
        #expect(look(key + "/below", folder).file == .missing)
    }
}
