import Foundation
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

    // MARK: The real disk

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
