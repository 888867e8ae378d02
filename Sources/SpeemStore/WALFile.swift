import SpeemCrypto

/// What is known of the log outside it: its size, so that a cut one is found out at a chunk's boundary, too.
struct LogRecord {
    /// The chunks that the log has at least.
    var chunks: UInt64 = 0
    /// Keeps a new number of chunks, on disk, before it returns.
    var grown: (UInt64) throws(FileError) -> Void = { _ in }
}

/// SQLite's write-ahead log, frame by frame (design, section 6).
///
/// SQLite writes a frame as its 24-byte header and then its page. The header is held back until the page comes, and
/// both go to disk under one nonce: on its own it would hold a checksum of the plaintext.
final class WALFile {
    private let file: any StoreFile
    private let cipher: PageCipher
    private let name: String
    private let buffer: UnsafeMutableRawBufferPointer
    private let pageBuffer: UnsafeMutableRawBufferPointer

    /// SQLite's header, 32 bytes; nil before the first write.
    private(set) var header: [UInt8]?
    /// Frames that SQLite may see: up to the last commit when the file was opened, then what was written.
    private(set) var frameCount: UInt64 = 0
    /// Frames for which the file has space, and the record outside it (``LogRecord``) as well.
    private var capacity: UInt64 = 0
    private let record: LogRecord
    /// The first frame of the transaction that is being written.
    private var transactionStart: UInt64 = 1
    /// Of the transaction that is being written, from its first frame on.
    private var attempt: UInt64 = 0
    private var pending: (frame: UInt64, header: [UInt8])?
    /// What was dropped on opening, for the log.
    private(set) var droppedFrames: UInt64 = 0

    init(file: any StoreFile, cipher: PageCipher, name: String, record: LogRecord = LogRecord()) {
        self.record = record
        self.file = file
        self.cipher = cipher
        self.name = name
        buffer = .allocate(byteCount: StoreLayout.sealedFrame, alignment: 16)
        pageBuffer = .allocate(byteCount: StoreLayout.page, alignment: 16)
    }

    deinit {
        Wipe.zero(buffer)
        Wipe.zero(pageBuffer)
        buffer.deallocate()
        pageBuffer.deallocate()
    }

    func close() { file.close() }

    func sync() throws(FileError) { try file.sync() }

    /// Chunks for which the file has space.
    var chunks: UInt64 { capacity / UInt64(StoreLayout.framesPerChunk) }

    /// The size that SQLite sees.
    var logicalSize: Int64 {
        header == nil ? 0 : Int64(StoreLayout.walHeader) + Int64(frameCount) * Int64(StoreLayout.frame)
    }

    // MARK: Opening

    enum OpenFailure: Error, Equatable {
        case file(FileError)
        case damaged(StoreError)
        /// The header does not authenticate: damage, or a wrong key.
        case header
        /// There is no log, or one without a header: only right while the store is made.
        case absent
    }

    /// Reads the header and finds the end of the log.
    func load() throws(OpenFailure) {
        let size: Int64
        do throws(FileError) { size = try file.size() } catch { throw .file(error) }
        guard size > 0 else { throw .absent }
        let chunk = Int64(StoreLayout.sealedFrame * StoreLayout.framesPerChunk)
        let frames = size - Int64(StoreLayout.sealedWALHeader)
        guard frames > 0, frames % chunk == 0, frames / chunk >= Int64(clamping: record.chunks) else {
            throw .damaged(.damaged(file: name, place: "byte \(size), where the file ends: it was cut or added to"))
        }
        capacity = UInt64(frames / Int64(StoreLayout.sealedFrame))
        let sealed = try readSealedHeader()
        if sealed.allSatisfy({ $0 == 0 }) { throw .absent }
        guard let plain = cipher.openWALHeader(sealed) else { throw .header }
        header = plain
        let end = try WALScan(
            file: file, cipher: cipher, name: name, salts: Array(plain[16..<24]), capacity: capacity, buffer: buffer
        ).end()
        frameCount = end.frames
        transactionStart = end.frames + 1
        droppedFrames = end.dropped
    }

    private func readSealedHeader() throws(OpenFailure) -> [UInt8] {
        let area = UnsafeMutableRawBufferPointer(rebasing: buffer[..<StoreLayout.sealedWALHeader])
        do throws(FileError) {
            _ = try file.read(into: area, at: 0)
        } catch {
            throw .file(error)
        }
        return [UInt8](area)
    }

    static func offset(of frame: UInt64) -> Int64 {
        Int64(StoreLayout.sealedWALHeader) + Int64(frame - 1) * Int64(StoreLayout.sealedFrame)
    }

    // MARK: Reading

    enum ReadResult: Equatable {
        case whole
        case short
        case damaged(StoreError)
    }

    /// Reads the header, a frame, or a part of either, as SQLite sees them.
    func read(into out: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> ReadResult {
        guard offset >= 0, offset + Int64(out.count) <= logicalSize, let header else {
            out.initializeMemory(as: UInt8.self, repeating: 0)
            return .short
        }
        if offset < Int64(StoreLayout.walHeader) {
            let start = Int(offset)
            guard start + out.count <= header.count else { return misaligned(offset) }
            out.copyBytes(from: header[start..<(start + out.count)])
            return .whole
        }
        let inFrames = offset - Int64(StoreLayout.walHeader)
        let number = UInt64(inFrames / Int64(StoreLayout.frame)) + 1
        let inside = Int(inFrames % Int64(StoreLayout.frame))
        guard inside + out.count <= StoreLayout.frame else { return misaligned(offset) }
        guard try file.read(into: buffer, at: Self.offset(of: number)) == buffer.count,
            let frame = cipher.openFrame(buffer, number: number, page: pageBuffer),
            frame.origin.salts.elementsEqual(header[16..<24])
        else { return .damaged(.damaged(file: name, place: "frame \(number)")) }
        for index in 0..<out.count where inside + index < StoreLayout.frameHeader {
            out[index] = frame.header[inside + index]
        }
        let skip = max(StoreLayout.frameHeader - inside, 0)
        if skip < out.count {
            let first = max(inside - StoreLayout.frameHeader, 0)
            UnsafeMutableRawBufferPointer(rebasing: out[skip...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: pageBuffer[first..<(first + out.count - skip)]))
        }
        return .whole
    }

    private func misaligned(_ offset: Int64) -> ReadResult {
        .damaged(.damaged(file: name, place: "a read across frames at byte \(offset)"))
    }

    // MARK: Writing

    /// Takes the WAL header, a frame's header or its page, in SQLite's order.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileWriteFailure) {
        let unexpected = FileWriteFailure.unexpected("SQLite wrote the log in another order than expected")
        if offset == 0 {
            guard bytes.count == StoreLayout.walHeader, pending == nil else { throw unexpected }
            return try writeHeader([UInt8](bytes))
        }
        let inFrames = offset - Int64(StoreLayout.walHeader)
        guard inFrames >= 0 else { throw unexpected }
        let number = UInt64(inFrames / Int64(StoreLayout.frame)) + 1
        switch (inFrames % Int64(StoreLayout.frame), bytes.count) {
        case (0, StoreLayout.frameHeader):
            guard pending == nil else { throw unexpected }
            pending = (number, [UInt8](bytes))
        case (Int64(StoreLayout.frameHeader), StoreLayout.page):
            guard let held = pending, held.frame == number else { throw unexpected }
            // One frame after the other; a transaction that failed begins again where it began.
            guard header != nil, number == frameCount + 1 || number == transactionStart else { throw unexpected }
            guard StoreLayout.reserveIsFree(bytes) else { throw .unexpected("SQLite used the reserve of a page") }
            pending = nil
            try writeFrame(number, header: held.header, page: bytes)
        default: throw unexpected
        }
    }

    /// Forgets a header whose page never came: the transaction failed.
    func forgetPending() { pending = nil }

    private func writeHeader(_ plain: [UInt8]) throws(FileWriteFailure) {
        try reserve(frames: 1)
        let sealed = cipher.sealWALHeader(plain)
        let failure = sealed.withUnsafeBytes { bytes -> FileError? in
            do throws(FileError) {
                try file.write(bytes, at: 0)
                return nil
            } catch { return error }
        }
        if let failure { throw .file(failure) }
        header = plain
        frameCount = 0
        transactionStart = 1
    }

    private func writeFrame(
        _ number: UInt64, header frameHeader: [UInt8], page: UnsafeRawBufferPointer
    ) throws(FileWriteFailure) {
        guard let header else { return }
        try reserve(frames: number)
        if number == transactionStart { attempt = cipher.randomNumber() }
        let origin = FrameOrigin(
            salts: Array(header[16..<24]), transactionStart: transactionStart, attempt: attempt)
        let failure = cipher.sealFrame(header: frameHeader, page: page, number: number, origin: origin) {
            sealed -> FileError? in
            do throws(FileError) {
                try file.write(sealed, at: Self.offset(of: number))
                return nil
            } catch { return error }
        }
        if let failure { throw .file(failure) }
        frameCount = number
        if frameHeader[4..<8].contains(where: { $0 != 0 }) { transactionStart = number + 1 }
    }

    /// Makes room: on disk first, then in the record outside, so that the record never promises too much; frames come
    /// after both, so that none of them can be cut off unnoticed.
    private func reserve(frames: UInt64) throws(FileWriteFailure) {
        guard frames > capacity else { return }
        let chunk = UInt64(StoreLayout.framesPerChunk)
        let wanted = (frames + chunk - 1) / chunk * chunk
        do throws(FileError) {
            try file.grow(
                to: Int64(StoreLayout.sealedWALHeader) + Int64(wanted) * Int64(StoreLayout.sealedFrame))
            try file.sync()
            try record.grown(wanted / chunk)
        } catch {
            throw .file(error)
        }
        capacity = wanted
    }
}
