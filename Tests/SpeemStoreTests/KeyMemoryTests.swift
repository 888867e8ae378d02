#if os(Linux)
    import Glibc
    import SpeemCrypto
    import TestTools
    import Testing

    @testable import SpeemStore

    /// The key of a store stays in no memory that was given back, nor does its text.
    @Suite(.serialized) struct KeyMemoryTests {
        /// Key bytes that can be made again, so that no second copy is kept.
        private struct PatternSource: RandomSource {
            static func byte(_ index: Int) -> UInt8 {
                var mixed = UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15
                mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
                return UInt8(truncatingIfNeeded: mixed >> 40)
            }

            static func digit(_ index: Int) -> UInt8 {
                let value = index.isMultiple(of: 2) ? byte(index / 2) >> 4 : byte(index / 2) & 15
                return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
            }

            func fill(_ buffer: UnsafeMutableRawBufferPointer) {
                for index in buffer.indices { buffer[index] = Self.byte(index) }
            }

            static func keys() throws -> Int { try MemorySearch.occurrences(count: StoreKey.length, byte: byte) }

            static func texts() throws -> Int {
                try MemorySearch.occurrences(count: StoreKey.length * 2, byte: digit)
            }
        }

        @Test func makingAndReadingLeaveNeitherKeyNorText() throws {
            do {
                let folder = "/tmp/speem-\(UInt64.random(in: 0 ... .max))"
                let path = folder + "/store.key"
                defer { for name in [path, folder] { remove(name) } }
                var key: StoreKey? = try StoreKey.create(path, random: PatternSource())
                #expect(try PatternSource.keys() == 1, "the search finds a living key")
                #expect(try PatternSource.texts() == 0)
                withExtendedLifetime(key) {}
                key = nil
                #expect(try PatternSource.keys() == 0)
                key = try StoreKey.load(path)
                #expect(key != nil)
                #expect(try PatternSource.keys() == 1)
                #expect(try PatternSource.texts() == 0)
                withExtendedLifetime(key) {}
                key = nil
                #expect(try PatternSource.keys() == 0)
            }
        }
    }
#endif
