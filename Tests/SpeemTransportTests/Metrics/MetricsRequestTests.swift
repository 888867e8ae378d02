import Testing
import TestTools

@testable import SpeemTransport

/// Which bytes are a request for the metrics, and what is said to all others.
struct MetricsRequestTests {
    private func read(_ text: String) -> MetricsRequest? { MetricsRequest.read(Array(text.utf8)) }

    private func get(_ line: String = "GET /metrics HTTP/1.1", _ fields: String = "Host: localhost\r\n") -> String {
        line + "\r\n" + fields + "\r\n"
    }

    @Test(arguments: [
        "GET /metrics HTTP/1.1", "GET /metrics HTTP/1.0", "GET /metrics? HTTP/1.1",
        "GET /metrics?collect%5B%5D=cpu HTTP/1.1",
    ]) func whatAScraperAsks(line: String) { #expect(read(get(line)) == .metrics) }

    @Test(arguments: [
        "localhost", "LOCALHOST:9404", "127.0.0.1", "127.0.0.1:9404", "127.255.0.9:1", "[::1]", "[::1]:9404",
        "  127.0.0.1\t",
    ]) func namesOfThisMachine(host: String) {
        #expect(read(get("GET /metrics HTTP/1.1", "Host:\(host)\r\n")) == .metrics)
    }

    @Test(arguments: [
        "example.org", "127.0.0.1.example.org", "127.example.org", "localhost.example.org", "0.0.0.0", "192.0.2.1",
        "[::2]", "[::1", "[::1]x", "127.0.0.1:x", "127.0.0.1:123456", "localhost:9404@example.org", "", "127.0.0",
        "127.0.0.1234",
    ]) func aPageWhoseNameWasMadeToLeadHere(host: String) {
        #expect(read(get("GET /metrics HTTP/1.1", "Host: \(host)\r\n")) == .refused(.misdirected))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1", 404), ("GET /metrics/ HTTP/1.1", 404), ("GET /metricsx HTTP/1.1", 404),
        ("GET http://localhost/metrics HTTP/1.1", 404), ("GET //metrics HTTP/1.1", 404),
        ("POST /metrics HTTP/1.1", 405), ("HEAD /metrics HTTP/1.1", 405), ("get /metrics HTTP/1.1", 405),
        ("GET /metrics HTTP/2.0", 505), ("GET /metrics HTTP/1.10", 505), ("GET /metrics http/1.1", 505),
        ("GET /metrics", 400), ("GET  /metrics HTTP/1.1", 400), ("GET /metrics HTTP/1.1 ", 400), ("GET", 400),
        ("GET /metr\u{0}ics HTTP/1.1", 400), ("GET /métrics HTTP/1.1", 400), ("\tGET /metrics HTTP/1.1", 400),
    ]) func otherLines(line: String, status: Int) throws {
        guard case .refused(let refusal) = try #require(read(get(line))) else {
            Issue.record("\(line) was taken")
            return
        }
        #expect(refusal.rawValue == status)
    }

    @Test(arguments: [
        "", "X: 1\r\n", "Host: localhost\r\nHost: localhost\r\n", "Host localhost\r\n", ": localhost\r\n",
        "Host : localhost\r\n", "Host: localhost\r\n folded\r\n", "Host: localhost\r\nContent-Length: 5\r\n",
        "Host: localhost\r\nTransfer-Encoding: chunked\r\n", "Host: localhost\r\nX: a\u{0}b\r\n",
        "Host: localhost\r\nX: a\rb\r\n", "Host: localhost\r\nX: a\nY: b\r\n",
    ]) func badFields(fields: String) {
        #expect(read(get("GET /metrics HTTP/1.1", fields)) == .refused(.badRequest))
    }

    @Test func aHeadInPiecesIsWaitedFor() {
        let whole = Array(get("GET /metrics HTTP/1.1", "Host: localhost\r\nAccept: */*\r\nContent-Length: 0\r\n").utf8)
        for count in 0..<whole.count { #expect(MetricsRequest.read(whole.prefix(count)) == nil, "\(count)") }
        #expect(MetricsRequest.read(whole) == .metrics)
        // What a pipelining client sends behind it is another matter.
        #expect(MetricsRequest.read(whole + whole) == .metrics)
    }

    @Test func aHeadHasALimit() {
        func request(padding: Int) -> [UInt8] {
            Array(
                get("GET /metrics HTTP/1.1", "Host: localhost\r\nX: " + String(repeating: "x", count: padding) + "\r\n")
                    .utf8)
        }
        let most = MetricsRequest.limit - request(padding: 0).count
        #expect(MetricsRequest.read(request(padding: most)) == .metrics)
        #expect(MetricsRequest.read(request(padding: most + 1)) == .refused(.headTooLarge))
        let endless = [UInt8](repeating: UInt8(ascii: "x"), count: MetricsRequest.limit)
        #expect(MetricsRequest.read(endless.dropLast()) == nil)
        #expect(MetricsRequest.read(endless) == .refused(.headTooLarge))
        #expect(MetricsRequest.read([13, 10, 13, 10]) == .refused(.badRequest))
    }

    @Test func garbageAndChangedRequestsNeverTrap() {
        let valid = Array(get("GET /metrics HTTP/1.1", "Host: [::1]:9404\r\nAccept: */*\r\n").utf8)
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<3_000 {
            _ = MetricsRequest.read(Mutations.garbage(upTo: 200, using: &generator))
            let changed = Mutations.mutate(valid, using: &generator)
            // Nothing but the path and this machine's names gets an answer.
            if MetricsRequest.read(changed) == .metrics {
                #expect(String(decoding: changed, as: UTF8.self).hasPrefix("GET /metrics"))
            }
        }
    }
}
