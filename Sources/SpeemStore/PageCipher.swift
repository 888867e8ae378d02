import SpeemCrypto

/// The shapes of the store's files, in bytes.
enum StoreLayout {
    /// A page of SQLite's.
    static let page = 4096
    /// What SQLite leaves free at the end of a page: nonce and tag.
    static let reserve = XChaCha20Poly1305.overhead
    /// The part of a page that SQLite uses.
    static let usable = page - reserve
    /// SQLite's WAL header, as SQLite sees it.
    static let walHeader = 32
    /// SQLite's header of a WAL frame, as SQLite sees it.
    static let frameHeader = 24
    /// A WAL frame as SQLite sees it.
    static let frame = frameHeader + page
    /// The WAL header on disk: nonce, ciphertext, tag.
    static let sealedWALHeader = walHeader + XChaCha20Poly1305.overhead
    /// What stands before SQLite's header in a frame on disk (``FrameOrigin``).
    static let frameOrigin = 24
    /// A WAL frame on disk: nonce; origin, frame header and page without its reserve, encrypted; tag.
    static let sealedFrame = frameOrigin + frameHeader + usable + XChaCha20Poly1305.overhead
    /// Whether SQLite left the reserve of a page alone: what it wrote there would be cut off.
    static func reserveIsFree(_ page: UnsafeRawBufferPointer) -> Bool { page[usable...].allSatisfy { $0 == 0 } }
    /// Frames by which the WAL grows, about 1 MiB: its size never tells of a torn write, so a cut one is found out.
    static let framesPerChunk = 256
}

/// Where a frame of the WAL belongs: encrypted in front of it.
struct FrameOrigin: Equatable {
    /// Of the WAL's generation, 8 bytes: tells a frame of an earlier one from a torn frame.
    var salts: [UInt8]
    /// The number of the first frame of its transaction.
    var transactionStart: UInt64
    /// Random for each attempt to write a transaction: what an attempt left behind never completes another one's.
    var attempt: UInt64
}

/// Encrypts and authenticates what goes to disk (XChaCha20-Poly1305 with a random nonce for every write).
///
/// The associated data binds the kind of the file and the place in it, so that no page is taken for another.
final class PageCipher {
    private enum Kind: UInt8 {
        case mainPage = 1
        case walHeader = 2
        case walFrame = 3
    }

    private let key: SecretBytes
    private let random: any RandomSource
    private let scratch: UnsafeMutableRawBufferPointer

    init(key: StoreKey, random: any RandomSource) {
        self.key = HKDF.derive(
            secret: key.secret, info: DomainSeparator("store pages").bytes, length: XChaCha20Poly1305.keyLength)
        self.random = random
        scratch = .allocate(byteCount: StoreLayout.sealedFrame, alignment: 16)
    }

    deinit {
        Wipe.zero(scratch)
        scratch.deallocate()
    }

    /// Seals a page (4,096 bytes) as page `number` of the main file and gives `body` the result (4,096 bytes).
    func sealPage<R>(_ page: UnsafeRawBufferPointer, number: UInt64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        precondition(page.count == StoreLayout.page)
        let out = part(0, StoreLayout.page)
        part(0, StoreLayout.usable).copyMemory(from: UnsafeRawBufferPointer(rebasing: page[..<StoreLayout.usable]))
        let nonce = part(StoreLayout.usable, XChaCha20Poly1305.nonceLength)
        random.fill(nonce)
        encrypt(
            part(0, StoreLayout.usable), tag: part(StoreLayout.page - 16, 16), nonce: nonce,
            associatedData: [Kind.mainPage.rawValue] + BigEndian.bytes(number))
        return body(UnsafeRawBufferPointer(out))
    }

    /// Opens page `number` of the main file where it lies; its reserve reads as zeros.
    func openPage(_ page: UnsafeMutableRawBufferPointer, number: UInt64) -> Bool {
        precondition(page.count == StoreLayout.page)
        let nonce = UnsafeRawBufferPointer(rebasing: page[StoreLayout.usable..<(StoreLayout.page - 16)])
        let tag = UnsafeRawBufferPointer(rebasing: page[(StoreLayout.page - 16)...])
        let text = UnsafeMutableRawBufferPointer(rebasing: page[..<StoreLayout.usable])
        let opened = decrypt(
            text, tag: tag, nonce: nonce, associatedData: [Kind.mainPage.rawValue] + BigEndian.bytes(number))
        Wipe.zero(UnsafeMutableRawBufferPointer(rebasing: page[StoreLayout.usable...]))
        return opened
    }

    /// Seals SQLite's WAL header (32 bytes) to 72.
    func sealWALHeader(_ header: [UInt8]) -> [UInt8] {
        precondition(header.count == StoreLayout.walHeader)
        return XChaCha20Poly1305.seal(
            header, key: key, associatedData: [Kind.walHeader.rawValue], random: AnyRandom(random))
    }

    /// Opens a sealed WAL header.
    func openWALHeader(_ sealed: [UInt8]) -> [UInt8]? {
        try? XChaCha20Poly1305.open(sealed, key: key, associatedData: [Kind.walHeader.rawValue])
    }

    /// A random number, for ``FrameOrigin/attempt``.
    func randomNumber() -> UInt64 {
        var number: UInt64 = 0
        withUnsafeMutableBytes(of: &number) { random.fill($0) }
        return number
    }

    /// Seals a frame and gives `body` the result (4,144 bytes).
    ///
    /// - Parameters:
    ///   - header: SQLite's frame header, 24 bytes.
    ///   - page: 4,096 bytes.
    func sealFrame<R>(
        header: [UInt8], page: UnsafeRawBufferPointer, number: UInt64, origin: FrameOrigin,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R {
        precondition(
            header.count == StoreLayout.frameHeader && page.count == StoreLayout.page && origin.salts.count == 8)
        let out = part(0, StoreLayout.sealedFrame)
        let nonce = part(0, 24)
        random.fill(nonce)
        part(24, 8).copyBytes(from: origin.salts)
        part(32, 8).copyBytes(from: BigEndian.bytes(origin.transactionStart))
        part(40, 8).copyBytes(from: BigEndian.bytes(origin.attempt))
        part(48, StoreLayout.frameHeader).copyBytes(from: header)
        part(72, StoreLayout.usable).copyMemory(from: UnsafeRawBufferPointer(rebasing: page[..<StoreLayout.usable]))
        encrypt(
            part(24, StoreLayout.sealedFrame - 40), tag: part(StoreLayout.sealedFrame - 16, 16), nonce: nonce,
            associatedData: Self.frameData(number: number))
        return body(UnsafeRawBufferPointer(out))
    }

    /// A frame that was opened.
    struct Frame {
        var origin: FrameOrigin
        /// SQLite's frame header, 24 bytes.
        var header: [UInt8]
        /// Pages of the database after this commit; 0 when the frame ends no transaction.
        var commit: UInt32
    }

    /// Opens a sealed frame (4,144 bytes) of any generation where it lies and copies the page (4,096 bytes, reserve
    /// zeroed) to `page`.
    func openFrame(
        _ sealed: UnsafeMutableRawBufferPointer, number: UInt64, page: UnsafeMutableRawBufferPointer?
    ) -> Frame? {
        precondition(sealed.count == StoreLayout.sealedFrame)
        let nonce = UnsafeRawBufferPointer(rebasing: sealed[..<24])
        let tag = UnsafeRawBufferPointer(rebasing: sealed[(StoreLayout.sealedFrame - 16)...])
        let text = UnsafeMutableRawBufferPointer(rebasing: sealed[24..<(StoreLayout.sealedFrame - 16)])
        guard decrypt(text, tag: tag, nonce: nonce, associatedData: Self.frameData(number: number)) else {
            return nil
        }
        if let page {
            page.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[48...]))
            Wipe.zero(UnsafeMutableRawBufferPointer(rebasing: page[StoreLayout.usable...]))
        }
        let header = [UInt8](text[24..<48])
        var commit: UInt32 = 0
        for byte in header[4..<8] { commit = commit << 8 | UInt32(byte) }
        let origin = FrameOrigin(
            salts: [UInt8](text[..<8]), transactionStart: Self.number(text[8..<16]),
            attempt: Self.number(text[16..<24]))
        return Frame(origin: origin, header: header, commit: commit)
    }

    private static func number(_ bytes: Slice<UnsafeMutableRawBufferPointer>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func frameData(number: UInt64) -> [UInt8] {
        [Kind.walFrame.rawValue] + BigEndian.bytes(number)
    }

    private func part(_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: scratch[offset..<(offset + count)])
    }

    private func encrypt(
        _ text: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer,
        nonce: UnsafeMutableRawBufferPointer, associatedData: [UInt8]
    ) {
        associatedData.withUnsafeBytes {
            XChaCha20Poly1305.encrypt(
                inPlace: text, tag: tag, nonce: UnsafeRawBufferPointer(nonce), associatedData: $0, key: key)
        }
    }

    private func decrypt(
        _ text: UnsafeMutableRawBufferPointer, tag: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
        associatedData: [UInt8]
    ) -> Bool {
        associatedData.withUnsafeBytes {
            XChaCha20Poly1305.decrypt(inPlace: text, tag: tag, nonce: nonce, associatedData: $0, key: key)
        }
    }
}

/// A random source of any type where a generic parameter wants one.
private struct AnyRandom: RandomSource {
    private let base: any RandomSource

    init(_ base: any RandomSource) { self.base = base }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) { base.fill(buffer) }
}
