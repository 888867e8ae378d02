import Foundation
import SwiftProtobuf
import Testing

@testable import SpeemProtocol

/// Fields of what a restored device and its contacts and nodes tell each other.
struct BackupCheckTests {
    private func again(_ change: (inout WireTextAgain) -> Void, count: Int = 1) -> WireContent {
        var text = WireTextAgain.with {
            $0.id = Data(repeating: 1, count: 32)
            $0.text = "x"
        }
        change(&text)
        return .with { $0.textsAgain = .with { $0.texts = Array(repeating: text, count: count) } }
    }

    @Test func textsAgain() throws {
        for content in [again({ _ in }), again({ _ in }, count: Limits.textsAgain), again({ $0.text = "" })] {
            #expect(try WireContent.decode(content.encode()) == content)
        }
        try WireContent.with { $0.textsAgain = .with { $0.last = true } }.check()
        for bad in [
            again({ _ in }, count: Limits.textsAgain + 1), again({ $0.id = Data(repeating: 1, count: 31) }),
            again({ $0.id = Data() }), again({ $0.text = String(repeating: "x", count: Limits.textBytes + 1) }),
        ] {
            #expect(throws: WireError.self) { try bad.check() }
        }
    }

    @Test func restored() throws {
        let content = WireContent.with { $0.restored = .with { $0.sinceUnixMs = .max } }
        #expect(try WireContent.decode(content.encode()) == content)
    }

    @Test(arguments: [(0, true), (16, true), (15, false), (17, false), (32, false)])
    func theRestoredDeviceOfARosterEntry(bytes: Int, isGood: Bool) {
        let request = WireRequest.with {
            $0.rosterAppend = .with {
                $0.entries = [Data([1])]
                $0.restored = Data(repeating: 1, count: bytes)
            }
        }
        if isGood {
            #expect(throws: Never.self) { try request.check() }
        } else {
            #expect(throws: WireError.self) { try request.check() }
        }
    }
}
