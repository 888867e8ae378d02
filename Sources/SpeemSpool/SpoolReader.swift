public import SpeemCrypto
import SpeemStore

/// Reads one spool file, a record at a time.
///
/// A torn end was never acknowledged and is dropped. Damage before it shows by an authentic record behind it, or by more
/// bytes than one record has; it is told with its place, and what is authentic behind it is read all the same.
public struct SpoolReader {
    /// The entries of one record, which was one sync.
    public struct Record: Sendable, Equatable {
        /// Counted from 0.
        public let number: UInt64
        public let entries: [[UInt8]]
    }

    /// The hash of the file before, as it was when this one was begun. 32 bytes.
    public let link: [UInt8]
    /// What was found so far that is not as it was written.
    public private(set) var damage: [SpoolDamage] = []
    /// Bytes at the end that were torn.
    public private(set) var tornBytes: Int64 = 0

    private let file: any StoreFile
    private let fileName: String
    private let name: [UInt8]
    private let size: Int64
    private var key: SecretBytes
    private var number: UInt64 = 0
    private var offset = Int64(SpoolFormat.headerLength)

    /// The largest record's bytes in a file: a sync never writes more.
    private static let maxSpace = Int64(SpoolFormat.space(entries: SpoolFormat.maxRecord, count: 0))

    /// Opens a file.
    ///
    /// - Returns: nil when nothing of it can be read: its header is damaged, or it was sealed to another key.
    /// - Throws: ``SpoolError/file(_:)``.
    public init?(
        _ folder: SpoolFolder, _ file: SpoolFolder.File, with recipient: X25519.PrivateKey
    ) throws(SpoolError) {
        let opened = try onDisk { () throws(FileError) in
            try folder.fileSystem.open(folder.path(of: file.name), create: false)
        }
        let header = try onDisk { () throws(FileError) in
            var header = [UInt8](repeating: 0, count: SpoolFormat.headerLength)
            let count = try opened.read(into: &header, at: 0)
            return Array(header[..<count])
        }
        guard let contents = SpoolFormat.open(header: header, number: file.number, with: recipient) else {
            opened.close()
            return nil
        }
        self.file = opened
        fileName = file.name
        name = SpoolFormat.name(header: header)
        key = contents.key
        link = contents.link
        size = try onDisk { () throws(FileError) in try opened.size() }
    }

    public func close() { file.close() }

    /// The next authentic record; nil at the end.
    ///
    /// - Throws: ``SpoolError/file(_:)``.
    public mutating func next() throws(SpoolError) -> Record? {
        guard offset < size else { return nil }
        if let record = try read(at: offset, number: number, key: key) {
            advance(past: record)
            return Record(number: record.number, entries: record.entries)
        }
        let broken = offset
        guard let record = try findLater() else {
            if size - broken > Self.maxSpace {
                report("record \(number) at byte \(broken), and all behind it")
            } else {
                tornBytes = size - broken
            }
            offset = size
            return nil
        }
        report(
            record.number == number + 1
                ? "record \(number) at byte \(broken)" : "records \(number) to \(record.number - 1) at byte \(broken)")
        advance(past: record)
        return Record(number: record.number, entries: record.entries)
    }

    private mutating func report(_ place: String) { damage.append(SpoolDamage(file: fileName, place: place)) }

    private struct Found {
        let number: UInt64
        let key: SecretBytes
        let entries: [[UInt8]]
        let end: Int64
    }

    private mutating func advance(past record: Found) {
        offset = record.end
        number = record.number + 1
        key = SpoolFormat.next(record.key)
    }

    /// Number and length of the box of what stands at `offset`.
    private func head(at offset: Int64) throws(SpoolError) -> (number: UInt64, length: Int)? {
        let bytes = try bytes(SpoolFormat.recordHead, at: offset)
        var reader = ByteReader(bytes)
        guard let number = try? reader.readBigEndian(UInt64.self), let length = try? reader.readBigEndian(UInt32.self),
            Int64(length) <= min(size - offset, Self.maxSpace) - Int64(SpoolFormat.recordHead)
        else { return nil }
        return (number, Int(length))
    }

    private func bytes(_ count: Int, at offset: Int64) throws(SpoolError) -> [UInt8] {
        try onDisk { () throws(FileError) in
            var bytes = [UInt8](repeating: 0, count: count)
            let read = try file.read(into: &bytes, at: offset)
            return read == count ? bytes : Array(bytes[..<read])
        }
    }

    private func read(at offset: Int64, number: UInt64, key: SecretBytes) throws(SpoolError) -> Found? {
        guard let head = try head(at: offset), head.number == number else { return nil }
        let box = try bytes(head.length, at: offset + Int64(SpoolFormat.recordHead))
        guard let entries = SpoolFormat.open(box: box, number: number, name: name, key: key) else { return nil }
        return Found(
            number: number, key: key, entries: entries, end: offset + Int64(SpoolFormat.space(box: head.length)))
    }

    /// The first authentic record behind one that is broken.
    ///
    /// Somebody may have filled the file with beginnings of records; so what is decrypted in vain is bounded.
    private func findLater() throws(SpoolError) -> Found? {
        var keys = [key]
        var budget = 4 * size
        var place = offset + Int64(SpoolFormat.sector)
        while place < size, budget > 0 {
            defer { place += Int64(SpoolFormat.sector) }
            // A record takes a sector at least.
            let most = UInt64((place - offset) / Int64(SpoolFormat.sector))
            guard let head = try head(at: place), head.number > number, head.number - number <= most else { continue }
            let steps = Int(head.number - number)
            while keys.count <= steps { keys.append(SpoolFormat.next(keys[keys.count - 1])) }
            if let found = try read(at: place, number: head.number, key: keys[steps]) { return found }
            budget -= Int64(head.length)
        }
        return nil
    }
}
