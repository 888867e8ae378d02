import Synchronization

/// Counts what the disk is given to write, in whole blocks: a flash card wears by those, not by bytes.
///
/// The kernel keeps a block in memory until it is synced, so writing to one twice in between costs one write. What the
/// file system writes besides (its journal, and the places of blocks) is not known here.
final class WriteCounter: Sendable {
    /// Bytes of a block: a page of the kernel's memory for files.
    static let block: Int64 = 4096

    private let total = Atomic<UInt64>(0)

    /// Bytes of all blocks so far.
    var bytes: UInt64 { total.load(ordering: .relaxed) }

    func add(blocks: Int64) {
        total.add(UInt64(clamping: blocks) &* UInt64(Self.block), ordering: .relaxed)
    }
}

/// What of one file was written since it was last synced, as far as it may be written to again: a log is written to from
/// front to back, and its frames share blocks with their neighbours.
struct UnsyncedBlocks {
    private var newest: Int64?

    /// Blocks that a write of `count` bytes at `offset` gives the disk besides those before it.
    mutating func write(_ count: Int, at offset: Int64) -> Int64 {
        guard count > 0, offset >= 0 else { return 0 }
        let first = offset / WriteCounter.block
        let last = (offset + Int64(count) - 1) / WriteCounter.block
        defer { newest = last }
        return last - first + (first == newest ? 0 : 1)
    }

    mutating func sync() { newest = nil }
}
