import SpeemCrypto
import Synchronization
import Testing

@testable import SpeemDiscovery

struct DiscoveryBoardTests {
    private func key() throws -> EndpointKey {
        try #require(EndpointKey(SecretBytes([UInt8](repeating: 1, count: 32))))
    }

    @Test func wishesWakeTheThreadOnce() throws {
        let board = DiscoveryBoard { _, _ in }
        let publication = Publication(.holders(of: try key()), port: 1)
        board.wish { $0.publications = [publication] }
        #expect(board.wishes?.publications == [publication])
        #expect(board.wishes?.version == 0)
        let candidate = try key()
        board.wish { $0.candidates = [[1]: candidate] }
        #expect(board.wishes?.version == 1)
        board.close()
        #expect(board.wishes == nil)
        // Nobody is there who could do it.
        board.wish { $0.publications = [] }
        #expect(board.wishes == nil)
    }

    @Test func changesAreToldOnce() {
        let told = Mutex<[String]>([])
        let board = DiscoveryBoard { before, after in
            told.withLock { $0.append("\(before.problem == nil) \(after.problem == nil)") }
        }
        board.report(.noDaemon)
        board.report(.noDaemon)
        board.publish(FoundPeers())
        board.report(nil)
        #expect(told.withLock { $0 } == ["true false", "false true"])
        #expect(board.findings.problem == nil)
    }

    @Test func doubtsAreBoundedAndTakenOnce() {
        let board = DiscoveryBoard { _, _ in }
        for number in 0..<5000 { board.doubt("192.0.2.1:\(number)") }
        #expect(board.takeDoubts().count == FoundPeers.maxPlaces)
        #expect(board.takeDoubts().isEmpty)
    }
}
