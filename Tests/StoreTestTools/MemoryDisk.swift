public import SpeemStore
public import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A disk in memory that fills up, fails, and loses its power.
///
/// A write counts as on disk only after its file was synced, a name only after its folder was. A power cut keeps what was
/// synced and, of each file, some of the writes after it, the last one perhaps torn.
public final class MemoryDisk: FileSystem {
    public struct Change: Sendable {
        public enum Kind: Sendable {
            case write(offset: Int, bytes: [UInt8])
            case resize(Int)
        }
        public let kind: Kind
    }

    public final class Inode: Sendable {
        public struct State {
            public var synced: [UInt8] = []
            public var current: [UInt8] = []
            public var changes: [Change] = []
        }
        public let state = Mutex(State())
    }

    public struct State {
        public var names: [String: Inode] = [:]
        public var syncedNames: [String: Inode] = [:]
        public var operations = 0
        public var syncs = 0
        /// The power goes before this operation.
        public var failAt = Int.max
        /// Which files cannot be synced, and why.
        public var failSyncs: [String: Int32] = [:]
        /// Which files cannot be read.
        public var failReads: Set<String> = []
        /// Bytes of all files together.
        public var capacity = Int.max
        public var locks: Set<String> = []
    }

    public let state = Mutex(State())

    public init() {}

    /// Counts an operation that changes something; throws when the power is gone.
    public func tick(_ operation: String, _ path: String) throws(FileError) {
        let isDead = state.withLock { state in
            state.operations += 1
            return state.operations > state.failAt
        }
        if isDead { throw FileError(operation: operation, path: path, code: EIO) }
    }

    public var operations: Int { state.withLock { $0.operations } }
    public var syncs: Int { state.withLock { $0.syncs } }

    /// Bytes of all files.
    public var used: Int {
        state.withLock { $0.names.values.reduce(0) { $0 + $1.state.withLock { $0.current.count } } }
    }

    /// All files, byte for byte.
    public var contents: [String: [UInt8]] {
        state.withLock { $0.names.mapValues { $0.state.withLock { $0.current } } }
    }

    public func checkSpace(_ growth: Int, _ path: String) throws(FileError) {
        let capacity = state.withLock { $0.capacity }
        if growth > 0, capacity != .max, used + growth > capacity {
            throw FileError(operation: "extend", path: path, code: ENOSPC)
        }
    }

    /// What a machine finds after the power came back.
    public func afterPowerCut(seed: UInt64) -> MemoryDisk {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let names = state.withLock { state in
            Bool.random(using: &generator) ? state.names : state.syncedNames
        }
        for (name, inode) in names.sorted(by: { $0.key < $1.key }) {
            let copy = Inode()
            let old = inode.state.withLock { $0 }
            var bytes = old.synced
            for change in old.changes where Bool.random(using: &generator) {
                switch change.kind {
                case .resize(let size):
                    if size < bytes.count {
                        bytes.removeLast(bytes.count - size)
                    } else {
                        bytes += [UInt8](repeating: 0, count: size - bytes.count)
                    }
                case .write(let offset, let part):
                    // Whole sectors come through, others do not.
                    for start in stride(from: 0, to: part.count, by: 512)
                    where Int.random(in: 0..<4, using: &generator) > 0 {
                        let end = min(start + 512, part.count)
                        if bytes.count < offset + end {
                            bytes += [UInt8](repeating: 0, count: offset + end - bytes.count)
                        }
                        bytes.replaceSubrange((offset + start)..<(offset + end), with: part[start..<end])
                    }
                }
            }
            copy.state.withLock { $0 = Inode.State(synced: bytes, current: bytes) }
            disk.state.withLock { state in
                state.names[name] = copy
                state.syncedNames[name] = copy
            }
        }
        return disk
    }

    /// An independent copy of everything.
    public func copy() -> MemoryDisk {
        let disk = MemoryDisk()
        for (name, inode) in state.withLock({ $0.names }) {
            let bytes = inode.state.withLock { $0.current }
            let copy = Inode()
            copy.state.withLock { $0 = Inode.State(synced: bytes, current: bytes) }
            disk.state.withLock { state in
                state.names[name] = copy
                state.syncedNames[name] = copy
            }
        }
        return disk
    }

    public subscript(path: String) -> [UInt8]? {
        get { state.withLock { $0.names[path] }?.state.withLock { $0.current } }
        set {
            state.withLock { state in
                guard let newValue else {
                    state.names[path] = nil
                    state.syncedNames[path] = nil
                    return
                }
                let inode = state.names[path] ?? Inode()
                inode.state.withLock { $0 = Inode.State(synced: newValue, current: newValue) }
                state.names[path] = inode
                state.syncedNames[path] = inode
            }
        }
    }

    // MARK: FileSystem

    public func open(_ path: String, create: Bool) throws(FileError) -> any StoreFile {
        if let inode = state.withLock({ $0.names[path] }) { return MemoryFile(inode, path: path, disk: self) }
        guard create else { throw FileError(operation: "open", path: path, code: ENOENT) }
        try tick("create", path)
        let inode = Inode()
        state.withLock { $0.names[path] = inode }
        return MemoryFile(inode, path: path, disk: self)
    }

    public func exists(_ path: String) throws(FileError) -> Bool {
        state.withLock { $0.names[path] != nil } || path == "/store"
    }

    public func permissions(_ path: String) throws(FileError) -> (mode: UInt32, isOwn: Bool) { (0o600, true) }

    public func names(in folder: String) throws(FileError) -> [String] {
        state.withLock { state in
            state.names.keys.filter { $0.hasPrefix(folder + "/") }.map { String($0.dropFirst(folder.utf8.count + 1)) }
        }
    }

    public func rename(_ old: String, to new: String) throws(FileError) {
        try tick("rename", old)
        state.withLock { $0.names[new] = $0.names.removeValue(forKey: old) }
    }

    public func remove(_ path: String) throws(FileError) {
        try tick("remove", path)
        state.withLock { $0.names[path] = nil }
    }

    public func syncFolder(_ path: String) throws(FileError) {
        try tick("sync", path)
        state.withLock { $0.syncedNames = $0.names }
    }

    public func makeFolder(_ path: String) throws(FileError) {}

    public func lock(_ path: String) throws(FileError) -> (any Sendable)? {
        let taken = state.withLock { $0.locks.insert(path).inserted }
        return taken ? MemoryLock(path, disk: self) : nil
    }
}

private final class MemoryLock: Sendable {
    private let path: String
    private let disk: MemoryDisk

    init(_ path: String, disk: MemoryDisk) {
        self.path = path
        self.disk = disk
    }

    deinit { _ = disk.state.withLock { $0.locks.remove(path) } }
}

final class MemoryFile: StoreFile {
    private let inode: MemoryDisk.Inode
    private let path: String
    private let disk: MemoryDisk

    init(_ inode: MemoryDisk.Inode, path: String, disk: MemoryDisk) {
        self.inode = inode
        self.path = path
        self.disk = disk
    }

    func size() throws(FileError) -> Int64 { Int64(inode.state.withLock { $0.current.count }) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        if disk.state.withLock({ $0.failReads.contains(path) }) {
            throw FileError(operation: "read", path: path, code: EIO)
        }
        let count = inode.state.withLock { state -> Int in
            guard offset < state.current.count else { return 0 }
            let end = min(Int(offset) + buffer.count, state.current.count)
            return state.current.withUnsafeBytes { source in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<end]))
                return end - Int(offset)
            }
        }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        try disk.tick("write", path)
        let growth = Int(offset) + bytes.count - inode.state.withLock { $0.current.count }
        try disk.checkSpace(growth, path)
        let part = [UInt8](bytes)
        inode.state.withLock { state in
            if growth > 0 { state.current += [UInt8](repeating: 0, count: growth) }
            state.current.replaceSubrange(Int(offset)..<(Int(offset) + part.count), with: part)
            state.changes.append(MemoryDisk.Change(kind: .write(offset: Int(offset), bytes: part)))
        }
    }

    func grow(to size: Int64) throws(FileError) {
        let growth = Int(size) - inode.state.withLock { $0.current.count }
        guard growth > 0 else { return }
        try disk.tick("extend", path)
        try disk.checkSpace(growth, path)
        inode.state.withLock { state in
            state.current += [UInt8](repeating: 0, count: growth)
            state.changes.append(MemoryDisk.Change(kind: .resize(Int(size))))
        }
    }

    func truncate(to size: Int64) throws(FileError) {
        try disk.tick("resize", path)
        inode.state.withLock { state in
            if Int(size) < state.current.count {
                state.current.removeLast(state.current.count - Int(size))
            } else {
                state.current += [UInt8](repeating: 0, count: Int(size) - state.current.count)
            }
            state.changes.append(MemoryDisk.Change(kind: .resize(Int(size))))
        }
    }

    func sync() throws(FileError) {
        try disk.tick("sync", path)
        if let code = disk.state.withLock({ $0.failSyncs[path] }) {
            throw FileError(operation: "sync", path: path, code: code)
        }
        disk.state.withLock { $0.syncs += 1 }
        inode.state.withLock { state in
            state.synced = state.current
            state.changes = []
        }
    }

    func close() {}
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
