import Foundation
import SpeemConfig
import SpeemTransport
import Testing

@testable import SpeemDoctor

struct ProvisionCheckTests {
    private func finding(
        isInFile: Bool = true, isOwned: Bool?, state: String? = nil, isOpenToOthers: Bool = false
    ) -> Finding? {
        let findings = ProvisionCheck.findings(
            ProvisionCheck.Facts(
                isInFile: isInFile, isOwned: isOwned, state: state, file: "/etc/speem.toml",
                isOpenToOthers: isOpenToOthers))
        for finding in findings {
            #expect(finding.check == .provision)
            #expect(finding.isInOurVoice, "\(finding)")
            #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        }
        #expect(findings.count < 2)
        return findings.first
    }

    @Test func whoHasNoneHearsNothing() {
        #expect(finding(isInFile: false, isOwned: true) == nil)
        #expect(finding(isInFile: false, isOwned: nil) == nil)
        #expect(finding(isInFile: false, isOwned: false, state: "waiting") == nil)
    }

    @Test func itWaits() { #expect(finding(isOwned: false, state: "waiting")?.state == .ok) }

    @Test func nobodyElseReadsItMeanwhile() {
        #expect(finding(isOwned: false, state: "waiting", isOpenToOthers: true)?.state == .problem)
        // Worthless, or not there.
        #expect(finding(isOwned: true, isOpenToOthers: true)?.words.contains("was used") == true)
        #expect(finding(isInFile: false, isOwned: false, state: "waiting", isOpenToOthers: true) == nil)
    }

    @Test(arguments: [(0o600, false), (0o640, false), (0o644, true)])
    func theFilesPermissions(mode: Int, isOpen: Bool) throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/speem.toml"
        let lines =
            "[provision]\naccount = \"\(String(repeating: "a", count: 64))\"\nsecret = \"\(String(repeating: "b", count: 32))\"\n"
        try folder.write("speem.toml", text: "role = \"node\"\ndata = \"/x\"\n" + lines)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        let config = try Config.load(file: file, home: nil)
        let facts = ProvisionCheck.Facts.look(config, daemon: .notRunning())
        #expect(facts.isOpenToOthers == isOpen)
        #expect(facts.isInFile)
    }

    @Test func aUsedSecretShouldGo() {
        let found = finding(isOwned: true)
        #expect(found?.state == .problem)
        #expect(found?.words.contains("/etc/speem.toml") == true)
        #expect(found?.toDo?.contains("[provision]") == true)
    }

    @Test func itMayHaveBeenUsed() { #expect(finding(isOwned: nil)?.state == .unknown) }

    @Test(arguments: [true, false])
    func nobodyHasCome(isInFile: Bool) {
        let found = finding(isInFile: isInFile, isOwned: false, state: "expired")
        #expect(found?.state == .problem)
        #expect(found?.toDo?.contains("speem node config") == true)
    }

    @Test func theDaemonSays() {
        let status = JSON.object(["owned": .bool(false), "provision": .string("waiting")])
        let facts = DaemonFacts.running(status: status, nodes: nil, nearby: nil)
        #expect(facts.provision == "waiting")
        let node = NodeCheck.finding(NodeCheck.Facts(isNode: true, daemon: facts, file: "/etc/speem.toml"))
        #expect(node.state == .ok)
        #expect(!node.words.contains("speem accept"))
        #expect(DaemonFacts.running(status: .object([:]), nodes: nil, nearby: nil).provision == nil)
    }
}
