import SpeemStore
import Testing

@testable import SpeemMailbox

struct EnvelopeTests {
    @Test func anEmptyEnvelopeIsNotFree() {
        #expect(Envelope(id: [], header: [], body: []).size == 128)
        #expect(Envelope(id: [UInt8](repeating: 1, count: 32), header: [], body: []).size == 128)
    }

    @Test(arguments: [(0, 0), (1, 0), (0, 1), (100, 65_536)])
    func countsHeaderAndBody(header: Int, body: Int) {
        let envelope = Envelope(
            id: [], header: [UInt8](repeating: 0, count: header), body: [UInt8](repeating: 0, count: body))
        #expect(envelope.size == Int64(header + body + 128))
    }

    @Test func isStoredByteForByte() async throws {
        try await withBench { (bench) throws in
            var generator = SeededGenerator(seed: 7)
            var sent: [Envelope] = []
            // Around a page and far beyond it: SQLite keeps the rest of a long row elsewhere.
            for (header, body) in [(0, 0), (1, 0), (0, 1), (300, 4000), (4056, 4056), (32, 60_000)] {
                let envelope = Envelope(
                    id: (0..<32).map { _ in .random(in: 0...255, using: &generator) },
                    header: (0..<header).map { _ in .random(in: 0...255, using: &generator) },
                    body: (0..<body).map { _ in .random(in: 0...255, using: &generator) })
                #expect(try bench.deposit(envelope).isStored)
                sent.append(envelope)
            }
            #expect(try bench.drain()?.envelopes.map(\.envelope) == sent)
            #expect(try bench.used() == sent.reduce(0) { $0 + $1.size })
        }
    }

    /// The bytes that move from the header to the body change what the envelope is.
    @Test func headerAndBodyAreToldApart() async throws {
        try await withBench { (bench) throws in
            let one = Envelope(id: [1], header: [1, 2], body: [3])
            #expect(try bench.deposit(one).isStored)
            #expect(try bench.deposit(Envelope(id: [1], header: [1], body: [2, 3])) == .refused(.conflict))
            #expect(try bench.deposit(Envelope(id: [1], header: [], body: [1, 2, 3])) == .refused(.conflict))
            #expect(try bench.deposit(one) == .duplicate)
        }
    }
}
