import Testing

@testable import SpeemSync

struct RegisterTests {
    private static func registers() throws -> [Register] {
        var result: [Register] = []
        for counter in 1...3 as ClosedRange<UInt64> {
            for device in 1...3 as ClosedRange<UInt8> {
                for value in 0...1 as ClosedRange<UInt8> {
                    result.append(
                        Register(value: [value], stamp: Stamp(counter: counter, device: try Sample.device(device))))
                }
            }
        }
        return result
    }

    /// The laws of a join, over every triple.
    @Test func joiningIsCommutativeAssociativeAndIdempotent() throws {
        let all = try Self.registers()
        for a in all {
            #expect(a.joined(with: a) == a)
            for b in all {
                #expect(a.joined(with: b) == b.joined(with: a))
                for c in all { #expect(a.joined(with: b).joined(with: c) == a.joined(with: b.joined(with: c))) }
            }
        }
    }

    @Test func theLaterChangeWins() throws {
        let old = Register(value: [9], stamp: Stamp(counter: 4, device: try Sample.device(9)))
        let new = Register(value: [1], stamp: Stamp(counter: 5, device: try Sample.device(1)))
        #expect(old.joined(with: new) == new)
    }
}
