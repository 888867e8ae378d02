#if os(Linux)
    import Glibc

    /// Searches this process's own memory for secrets that should be gone.
    public enum MemorySearch {
        public struct Unreadable: Error {}

        /// How often bytes lie in the writable memory of this process.
        ///
        /// - Parameters:
        ///   - count: how many bytes are looked for.
        ///   - byte: each of them by its place, made anew for every comparison: a copy of the whole would be found.
        public static func occurrences(count: Int, byte: (Int) -> UInt8) throws -> Int {
            let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
            guard memory >= 0 else { throw Unreadable() }
            defer { close(memory) }
            let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4_096)
            defer {
                if let base = chunk.baseAddress { explicit_bzero(base, chunk.count) }
                chunk.deallocate()
            }
            let own = UInt(bitPattern: chunk.baseAddress)..<(UInt(bitPattern: chunk.baseAddress) + UInt(chunk.count))
            var found = 0
            for region in try writableRegions() {
                // What was read lies in the chunk too, so the chunk itself is left out.
                let parts =
                    region.overlaps(own)
                    ? [
                        region.lowerBound..<max(own.lowerBound, region.lowerBound),
                        min(own.upperBound, region.upperBound)..<region.upperBound,
                    ] : [region]
                for part in parts { found += search(part, of: memory, chunk, count, byte) }
            }
            return found
        }

        private static func search(
            _ region: Range<UInt>, of memory: Int32, _ chunk: UnsafeMutableRawBufferPointer, _ length: Int,
            _ byte: (Int) -> UInt8
        ) -> Int {
            let first = Int32(byte(0))
            var found = 0
            var address = region.lowerBound
            while address < region.upperBound, region.upperBound - address >= UInt(length) {
                let wanted = min(chunk.count, Int(region.upperBound - address))
                let read = pread(memory, chunk.baseAddress, wanted, off_t(address))
                // A region that another thread gave back meanwhile.
                guard read >= length, let base = chunk.baseAddress else { return found }
                var offset = 0
                while offset + length <= read, let hit = memchr(base + offset, first, read - length + 1 - offset) {
                    let start = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
                    if (0..<length).allSatisfy({ chunk[start + $0] == byte($0) }) { found += 1 }
                    offset = start + 1
                }
                if read < wanted || address + UInt(read) >= region.upperBound { return found }
                address += UInt(read - length + 1)
            }
            return found
        }

        private static func writableRegions() throws -> [Range<UInt>] {
            let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw Unreadable() }
            defer { close(file) }
            var maps: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while case let count = read(file, &buffer, buffer.count), count > 0 { maps += buffer[..<count] }
            let regions = String(decoding: maps, as: UTF8.self).split(separator: "\n").compactMap {
                line -> Range<UInt>? in
                let fields = line.split(separator: " ")
                let ends = fields.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
                guard fields.count > 1, fields[1].hasPrefix("rw"), ends.count == 2, ends[0] < ends[1] else {
                    return nil
                }
                return ends[0]..<ends[1]
            }
            guard regions.count > 3 else { throw Unreadable() }
            return regions
        }
    }
#endif
