import SpeemTransport
import Testing

@testable import SpeemDoctor

struct DaemonFactsTests {
    private func json(_ text: String) throws -> JSON { try #require(JSON.parse(Array(text.utf8))) }

    @Test func aDevicesAnswers() throws {
        let facts = DaemonFacts.running(
            status: try json(#"{"role":"device","listening":["[::]:41234"]}"#),
            nodes: try json(
                #"""
                [{"addresses":["a.example:4404","192.0.2.1:4404"],"reachable":true,"retired":false},
                 {"addresses":["b.example:4404"],"reachable":false,"retired":true,"problem":"refused"},{}]
                """#),
            nearby: try json(#"{"mode":"private","problem":"nobody is found","hint":"start it"}"#))
        #expect(facts.isRunning == true)
        #expect(facts.listening == ["[::]:41234"])
        #expect(facts.discovery == DaemonFacts.Trouble("nobody is found", hint: "start it"))
        #expect(
            facts.nodes == [
                .init(address: "a.example:4404", isReachable: true, isRetired: false, problem: nil),
                .init(address: "b.example:4404", isReachable: false, isRetired: true, problem: "refused"),
                .init(address: "?", isReachable: false, isRetired: false, problem: nil),
            ])
    }

    @Test func aNodesAnswers() throws {
        let facts = DaemonFacts.running(
            status: try json(#"{"role":"node","owned":false,"retired":true,"listening":[]}"#), nodes: nil,
            nearby: try json(#"{"mode":"off"}"#))
        #expect(facts.isOwned == false)
        #expect(facts.isRetired)
        #expect(facts.listening == [])
        #expect(facts.discovery == nil)
        #expect(facts.nodes == nil)
    }

    @Test func anOlderDaemonDoesNotSayWhereItListens() {
        #expect(DaemonFacts.running(status: .object([:]), nodes: nil, nearby: nil).listening == nil)
    }

    @Test func nothingIsGuessedWithoutADaemon() {
        let facts = DaemonFacts.notRunning()
        #expect(facts.isRunning == false)
        #expect(facts.listening == nil && facts.nodes == nil && facts.isOwned == nil && facts.trouble == nil)
        let failed = DaemonFacts.failed(DaemonFacts.Trouble("permission denied"), isRunning: nil)
        #expect(failed.isRunning == nil)
        #expect(failed.trouble?.words == "permission denied")
    }
}
