import SpeemCrypto
import SpeemStore

/// Writes one spool file. Used by one thread.
struct SpoolWriter {
    private let folder: SpoolFolder
    private let file: any StoreFile
    private let path: String
    private let name: [UInt8]
    private let random: any RandomSource
    private var key: SecretBytes
    private var number: UInt64 = 0
    /// Where the next record begins; all before it is on disk.
    private(set) var end: Int64

    /// Makes the file, which is in its place under its name when this returns.
    ///
    /// - Parameters:
    ///   - link: the hash of the file before.
    ///   - recipient: whom it is sealed to.
    init(
        _ folder: SpoolFolder, number: UInt64, link: [UInt8], recipient: X25519.PublicKey, random: any RandomSource
    ) throws(SpoolError) {
        let first = random.secret(SpoolFormat.keyLength)
        let header: [UInt8]
        do throws(CryptoError) {
            header = try SpoolFormat.header(number: number, key: first, link: link, recipient: recipient)
        } catch {
            throw .failed(reason: "the store's public key is weak")
        }
        let path = folder.path(of: SpoolFolder.name(number))
        file = try onDisk { () throws(FileError) in
            try folder.fileSystem.makeFolder(folder.path)
            try folder.fileSystem.writeSmall(path, header, folder: folder.path)
            return try folder.fileSystem.open(path, create: false)
        }
        self.folder = folder
        self.path = path
        self.random = random
        name = SpoolFormat.name(header: header)
        key = first
        end = Int64(SpoolFormat.headerLength)
    }

    /// Appends a record and returns after it is on disk.
    ///
    /// - Throws: ``SpoolError/diskFull(path:)``, after which nothing of it is there; ``SpoolError/failed(reason:)``, after
    ///   which it is not known what is.
    mutating func append(_ entries: [[UInt8]]) throws(SpoolError) {
        let record = SpoolFormat.record(entries, number: number, name: name, key: key, random: random)
        do throws(FileError) {
            try file.write(record, at: end)
        } catch {
            // What came of it is never taken for a record; it only must not be in the way of counting.
            do throws(FileError) {
                try file.truncate(to: end)
            } catch let second {
                throw .failed(reason: "cannot \(second.operation) \(path): \(second.words)")
            }
            guard case .diskFull(let path) = error.storeError else {
                throw .failed(reason: "cannot \(error.operation) \(error.path): \(error.words)")
            }
            throw .diskFull(path: path)
        }
        do throws(FileError) {
            try file.sync()
        } catch {
            throw .failed(reason: "cannot \(error.operation) \(error.path): \(error.words)")
        }
        end += Int64(record.count)
        number += 1
        // The key before goes with its last reference, and wipes itself.
        key = SpoolFormat.next(key)
    }

    func close() { file.close() }
}
