import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

struct StoreMarkerTests {
    private let key = StoreKey(secret: SystemRandomSource().secret(32), path: keyPath)
    private let other = StoreKey(secret: SystemRandomSource().secret(32), path: keyPath)

    @Test func comesBackAsItWas() throws {
        for chunks in [0, 1, 12345, UInt64.max] {
            let bytes = StoreMarker(chunks: chunks).encoded(key)
            #expect(bytes.count < StoreMarker.limit)
            #expect(try StoreMarker(bytes, key: key).chunks == chunks)
            #expect(throws: StoreMarker.Failure.wrongKey) { _ = try StoreMarker(bytes, key: other) }
        }
    }

    @Test func everyByteIsAuthenticated() throws {
        let bytes = StoreMarker(chunks: 31).encoded(key)
        for index in bytes.indices.dropLast() {
            var copy = bytes
            copy[index] ^= 1
            #expect(throws: StoreMarker.Failure.self, "byte \(index)") { _ = try StoreMarker(copy, key: key) }
            #expect(throws: StoreMarker.Failure.self, "cut at \(index)") {
                _ = try StoreMarker(Array(bytes[..<index]), key: key)
            }
        }
    }

    /// A log of several chunks, cut between two of them.
    @Test func aLogCutAtAChunksBoundary() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        try await store.add(batch: 1, count: 600, text: String(repeating: "x", count: 4000))
        try await store.add(batch: 2)
        await store.close()
        let chunk = StoreLayout.framesPerChunk * StoreLayout.sealedFrame
        let bytes = try #require(disk[walPath])
        let chunks = (bytes.count - StoreLayout.sealedWALHeader) / chunk
        #expect(chunks >= 3)
        for kept in 0..<chunks {
            let copy = disk.copy()
            let length = StoreLayout.sealedWALHeader + kept * chunk
            copy[walPath] = Array(bytes[..<length])
            guard case .failure(.damaged(let file, let place)) = await readAll(copy) else {
                Issue.record("cut to \(kept) chunks, unnoticed")
                continue
            }
            #expect(file == "store.db-wal" && place.hasPrefix("byte \(length),"))
        }
        // A crash between growing and the marker leaves more than it says.
        let longer = disk.copy()
        longer[walPath] = bytes + [UInt8](repeating: 0, count: chunk)
        #expect(try await readAll(longer).get().rows == [1: 600, 2: 1])
    }
}
