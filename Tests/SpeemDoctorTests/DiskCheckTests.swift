import Foundation
import SpeemTransport
import Testing

@testable import SpeemDoctor

struct DiskCheckTests {
    private func finding(free: UInt64, total: UInt64, store: UInt64? = 4_100_000) -> Finding {
        let finding = DiskCheck.finding(
            .success(DiskCheck.Facts(folder: "/var/lib/speem", free: free, total: total, store: store)))
        #expect(finding.check == .disk)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    @Test func thereIsSpace() {
        #expect(
            finding(free: 12_000_000_000, total: 64_000_000_000)
                == .ok(.disk, "12 GB of 64 GB are free; the store takes 4.1 MB"))
        #expect(finding(free: 12_000_000_000, total: 64_000_000_000, store: nil).words.contains("cannot be seen"))
    }

    @Test func below100MegabytesOrATwentiethItIsAProblem() {
        #expect(finding(free: 100_000_000, total: 500_000_000).state == .ok)
        #expect(finding(free: 99_999_999, total: 500_000_000).state == .problem)
        #expect(finding(free: 5_000_000_000, total: 100_000_000_000).state == .ok)
        #expect(finding(free: 4_999_999_999, total: 100_000_000_000).state == .problem)
        #expect(finding(free: 0, total: 0).state == .problem)
        #expect(finding(free: .max, total: .max).state == .ok)
        #expect(finding(free: 0, total: 1).toDo?.contains("/var/lib/speem") == true)
    }

    @Test func aNodeThatRefusesIsAProblemWhateverIsFree() {
        let facts = DiskCheck.Facts(
            folder: "/var/lib/speem", free: 12_000_000_000, total: 64_000_000_000, store: 4_100_000)
        let finding = DiskCheck.finding(.success(facts), refuses: true)
        #expect(finding.state == .problem && finding.isInOurVoice)
        #expect(finding.words.hasSuffix("; the node takes in nothing more"))
        #expect(finding.toDo?.contains("/var/lib/speem") == true)
        let full = JSON.object(["disk": .object(["refuses": .bool(true)])])
        #expect(DaemonFacts.running(status: full, nodes: nil, nearby: nil).refuses)
        #expect(!DaemonFacts.running(status: .object([:]), nodes: nil, nearby: nil).refuses)
        #expect(!DaemonFacts.notRunning().refuses)
    }

    @Test func whatCannotBeSeenIsUnknown() {
        let found = DiskCheck.finding(.failure(Obstacle("cannot look at the disk")))
        #expect(found.state == .unknown)
        #expect(found.words == "cannot look at the disk")
    }

    @Test func theFilesOfAFolderAreCounted() throws {
        let folder = try TemporaryFolder()
        try folder.write("store.db", bytes: 3000)
        try folder.write("attachments/one", bytes: 500)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "/dev/zero")
        let facts = try DiskCheck.Facts.look(folder.path).get()
        #expect(facts.store == 3500)
        #expect(facts.total > 0 && facts.free <= facts.total)
    }

    @Test func aFolderThatIsNotThereYetTakesNothing() throws {
        let folder = try TemporaryFolder()
        let facts = try DiskCheck.Facts.look(folder.path + "/not/yet").get()
        #expect(facts.store == 0)
        #expect(facts.total > 0)
    }
}
