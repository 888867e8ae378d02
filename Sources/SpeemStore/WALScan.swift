import SpeemCrypto

/// Finds the end of a log, and tells a torn write from damage.
///
/// Every frame names the first frame of its transaction and the attempt to write it, and a transaction begins only
/// after the one before it was synced. So whatever is broken at or behind `start`, an authentic frame of a transaction
/// that began later proves that it was once whole: that is damage. Without one it is the last transaction, torn: it is
/// dropped. Frames of another attempt at the same place are leftovers: power cuts and full disks leave them, and
/// nothing is made of them.
struct WALScan {
    let file: any StoreFile
    let cipher: PageCipher
    /// For errors.
    let name: String
    /// Of the log's generation.
    let salts: [UInt8]
    /// Frames for which the file has space.
    let capacity: UInt64
    /// As long as a sealed frame.
    let buffer: UnsafeMutableRawBufferPointer

    struct End: Equatable {
        /// Frames up to the last commit.
        var frames: UInt64
        /// Frames behind it that were, or may have been, of one transaction more.
        var dropped: UInt64
    }

    private enum Found {
        /// Reserved, and never written.
        case nothing
        case frame(PageCipher.Frame)
        /// Of a generation before.
        case older
        case broken
    }

    func end() throws(WALFile.OpenFailure) -> End {
        var start: UInt64 = 1
        var attempt: UInt64?
        var number: UInt64 = 1
        while number <= capacity, case .frame(let frame) = try read(number), frame.origin.transactionStart == start,
            attempt == nil || frame.origin.attempt == attempt
        {
            attempt = frame.commit == 0 ? frame.origin.attempt : nil
            if frame.commit != 0 { start = number + 1 }
            number += 1
        }
        let bad = number
        var dropped = bad - start
        while number <= capacity {
            switch try read(number) {
            case .frame(let frame):
                guard frame.origin.transactionStart <= start else {
                    throw .damaged(.damaged(file: name, place: "frame \(bad)"))
                }
                if frame.origin.transactionStart == start { dropped += 1 }
            // What cannot be told from a torn first frame of the next transaction is told to the log.
            case .broken: if number == start { dropped += 1 }
            case .nothing, .older: break
            }
            number += 1
        }
        return End(frames: start - 1, dropped: dropped)
    }

    private func read(_ number: UInt64) throws(WALFile.OpenFailure) -> Found {
        do throws(FileError) {
            guard try file.read(into: buffer, at: WALFile.offset(of: number)) == buffer.count else { return .broken }
        } catch {
            throw .file(error)
        }
        guard buffer.contains(where: { $0 != 0 }) else { return .nothing }
        guard let frame = cipher.openFrame(buffer, number: number, page: nil) else { return .broken }
        return frame.origin.salts == salts ? .frame(frame) : .older
    }
}
