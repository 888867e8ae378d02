import SpeemCrypto

/// SQLite's main file, page by page (design, section 6).
final class MainFile {
    private let file: any StoreFile
    private let cipher: PageCipher
    private let name: String
    /// While the store is being made the file may be empty.
    private let creating: Bool
    private let page: UnsafeMutableRawBufferPointer

    init(file: any StoreFile, cipher: PageCipher, name: String, creating: Bool) {
        self.file = file
        self.cipher = cipher
        self.name = name
        self.creating = creating
        page = .allocate(byteCount: StoreLayout.page, alignment: 16)
    }

    deinit {
        Wipe.zero(page)
        page.deallocate()
    }

    func close() { file.close() }

    func sync() throws(FileError) { try file.sync() }

    func size() throws(FileError) -> Int64 { try file.size() }

    func truncate(to size: Int64) throws(FileError) { try file.truncate(to: size) }

    enum ReadResult: Equatable {
        case whole
        /// Only while the store is made: the file ends before; the rest of the buffer is zeros.
        case short
        /// The page does not authenticate.
        case damaged(StoreError)
    }

    /// Reads a whole page, or a part of one.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> ReadResult {
        let number = offset / Int64(StoreLayout.page) + 1
        let inside = Int(offset % Int64(StoreLayout.page))
        guard inside + buffer.count <= StoreLayout.page else {
            return .damaged(.damaged(file: name, place: "a read across pages at byte \(offset)"))
        }
        let count = try file.read(into: page, at: (number - 1) * Int64(StoreLayout.page))
        guard count == StoreLayout.page else {
            if creating && count == 0 {
                buffer.initializeMemory(as: UInt8.self, repeating: 0)
                return .short
            }
            return .damaged(.damaged(file: name, place: "page \(number), where the file ends"))
        }
        guard cipher.openPage(page, number: UInt64(number)) else {
            // A checkpoint that the power cut tore this page; the WAL still holds it. SQLite looks at the header before
            // it looks into the WAL, so the header's constant fields are given to it; a read of the page itself fails.
            if number == 1, buffer.count < StoreLayout.page, inside + buffer.count <= Self.constantHeader.count {
                buffer.copyBytes(from: Self.constantHeader[inside..<(inside + buffer.count)])
                return .whole
            }
            return .damaged(.damaged(file: name, place: "page \(number)"))
        }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: page[inside..<(inside + buffer.count)]))
        return .whole
    }

    /// Writes a whole page.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileWriteFailure) {
        guard bytes.count == StoreLayout.page, offset % Int64(StoreLayout.page) == 0 else {
            throw .unexpected("SQLite wrote a part of a page")
        }
        guard StoreLayout.reserveIsFree(bytes) else { throw .unexpected("SQLite used the reserve of a page") }
        let number = UInt64(offset / Int64(StoreLayout.page)) + 1
        let failure = cipher.sealPage(bytes, number: number) { sealed -> FileError? in
            do throws(FileError) {
                try file.write(sealed, at: offset)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw .file(failure) }
    }

    /// SQLite's user version as page 1 has it, without the log; nil when the page does not authenticate: for a wrong
    /// key, too.
    func userVersion() throws(FileError) -> UInt32? {
        guard try file.read(into: page, at: 0) == StoreLayout.page, cipher.openPage(page, number: 1) else {
            return nil
        }
        // SQLite file format, section 1.3: 4 bytes at 60.
        return page[60..<64].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The database header (SQLite file format, section 1.3) as far as it is the same in every store of ours.
    private static let constantHeader: [UInt8] = {
        var header = Array("SQLite format 3\u{0}".utf8)
        // Page size, WAL versions, reserve, payload fractions; all else reads as zero and comes from the WAL.
        header += [UInt8(StoreLayout.page >> 8), 0, 2, 2, UInt8(StoreLayout.reserve), 64, 32, 32]
        header += [UInt8](repeating: 0, count: 100 - header.count)
        return header
    }()
}
