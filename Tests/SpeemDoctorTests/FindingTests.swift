import SpeemTransport
import Testing

@testable import SpeemDoctor

struct FindingTests {
    @Test func whatToDoStandsBelow() {
        #expect(Finding.ok(.clock, "it is").lines == ["ok\tclock synchronised: it is"])
        #expect(
            Finding.problem(.disk, "full", toDo: "free some").lines == [
                "problem\tdisk space: full", "\tto do: free some",
            ])
        #expect(Finding.unknown(.port, "?", toDo: "ask").lines == ["unknown\tport open: ?", "\tto do: ask"])
    }

    @Test func asJSONEveryMemberIsThere() {
        #expect(
            Finding.ok(.keyFile, "good").json.line
                == #"{"check":"key_file","state":"ok","to_do":null,"words":"good"}"#)
        #expect(
            Finding.problem(.systemBus, "none", toDo: "install it").json.line
                == #"{"check":"dbus","state":"problem","to_do":"install it","words":"none"}"#)
    }

    @Test func everyCheckHasItsName() {
        #expect(
            Finding.Check.allCases.map(\.rawValue) == [
                "avahi_daemon", "dbus", "port", "firewall", "multicast", "clock", "node", "disk", "key_file",
                "provision",
            ])
        #expect(Set(Finding.Check.allCases.map(\.title)).count == Finding.Check.allCases.count)
    }

    @Test func sizesAreForPeople() {
        let cases: [(UInt64, String)] = [
            (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (4_199_999, "4.1 MB"), (9_999_999, "9.9 MB"),
            (10_000_000, "10 MB"), (64_000_000_000, "64 GB"), (999_999_999_999, "999 GB"),
            (UInt64.max, "18446744 TB"),
        ]
        for (count, text) in cases { #expect(Bytes.text(count) == text) }
    }
}

extension Finding {
    /// Whether it is in our voice: lower case, or a name, at the beginning, and no full stop.
    var isInOurVoice: Bool {
        [words, toDo ?? "it"].allSatisfy { text in
            !text.isEmpty && !text.hasSuffix(".") && (text.first?.isUppercase == false || text.hasPrefix("D-Bus"))
        }
    }
}
