import CSQLite
import SpeemCrypto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The C functions of the VFS (SQLite documentation, "The OS Backend (VFS) To SQLite").
enum VFSCallbacks {
    /// Lives as long as the program.
    static let methods: MethodsTable = MethodsTable()

    struct MethodsTable: @unchecked Sendable {
        // Sendable is sound: the table is written only here, before anything reads it, and never freed.
        let pointer: UnsafePointer<sqlite3_io_methods>

        init() {
            let memory = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
            var table = sqlite3_io_methods()
            // Version 1: no shared memory (the connection locks the file exclusively) and no memory mapping (it would
            // show SQLite the ciphertext).
            table.iVersion = 1
            table.xClose = { VFSCallbacks.close($0) }
            table.xRead = { VFSCallbacks.read($0, $1, $2, $3) }
            table.xWrite = { VFSCallbacks.write($0, $1, $2, $3) }
            table.xTruncate = { VFSCallbacks.truncate($0, $1) }
            table.xSync = { file, _ in VFSCallbacks.sync(file) }
            table.xFileSize = { VFSCallbacks.fileSize($0, $1) }
            // A lock file keeps other processes out; within this one there is one connection.
            table.xLock = { _, _ in SQLITE_OK }
            table.xUnlock = { _, _ in SQLITE_OK }
            table.xCheckReservedLock = { _, result in
                result?.pointee = 0
                return SQLITE_OK
            }
            table.xFileControl = { VFSCallbacks.fileControl($0, $1, $2) }
            table.xSectorSize = { _ in Int32(StoreLayout.page) }
            table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
            memory.initialize(to: table)
            pointer = UnsafePointer(memory)
        }
    }

    static func fill(_ vfs: inout sqlite3_vfs) {
        vfs.xOpen = { VFSCallbacks.open($0, $1, $2, $3, $4) }
        // SQLite has nothing to delete: the WAL stays, and there is no rollback journal.
        vfs.xDelete = { _, _, _ in SQLiteCode.ioErrorDelete }
        vfs.xAccess = { VFSCallbacks.access($0, $1, $3) }
        vfs.xFullPathname = { _, path, size, out in
            guard let path, let out, strlen(path) < Int(size) else { return SQLITE_CANTOPEN }
            strcpy(out, path)
            return SQLITE_OK
        }
        vfs.xRandomness = { _, count, out in
            guard let out, count > 0 else { return 0 }
            SystemRandomSource().fill(UnsafeMutableRawBufferPointer(start: out, count: Int(count)))
            return count
        }
        vfs.xSleep = { _, microseconds in
            usleep(UInt32(max(microseconds, 0)))
            return microseconds
        }
        vfs.xCurrentTime = { _, out in
            // Days since noon in Greenwich on 24 November 4714 B.C.
            out?.pointee = 2_440_587.5 + Double(time(nil)) / 86_400
            return SQLITE_OK
        }
        vfs.xGetLastError = { _, _, _ in 0 }
    }

    // MARK: The VFS

    private static func context(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> EncryptingVFS? {
        guard let data = vfs?.pointee.pAppData else { return nil }
        return Unmanaged<EncryptingVFS>.fromOpaque(data).takeUnretainedValue()
    }

    private static func open(
        _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ path: UnsafePointer<CChar>?,
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32, _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let context = context(vfs), let file else { return SQLITE_CANTOPEN }
        // SQLite calls xClose only when the methods are set.
        file.pointee.pMethods = nil
        guard let path, let opened = context.openFile(String(cString: path), flags: flags) else {
            return SQLITE_CANTOPEN
        }
        let box = Unmanaged.passRetained(OpenFileBox(opened, vfs: context))
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: VFSFile.self).pointee.box = box
        file.pointee.pMethods = methods.pointer
        outFlags?.pointee = flags
        return SQLITE_OK
    }

    private static func access(
        _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ path: UnsafePointer<CChar>?,
        _ result: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let context = context(vfs), let path else { return SQLiteCode.ioErrorAccess }
        let name = String(cString: path)
        do throws(FileError) {
            // A rollback journal is never made, so one that lies there is not ours and is not looked at.
            let isOurs = name == context.mainPath || name == context.walPath
            let exists = isOurs ? try context.fileSystem.exists(name) : false
            result?.pointee = exists ? 1 : 0
            return SQLITE_OK
        } catch {
            return context.note(error, code: SQLiteCode.ioErrorAccess)
        }
    }

    // MARK: Files

    private static func box(_ file: UnsafeMutablePointer<sqlite3_file>?) -> OpenFileBox? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: VFSFile.self).pointee.box?.takeUnretainedValue()
    }

    private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard let file else { return SQLITE_OK }
        let own = UnsafeMutableRawPointer(file).assumingMemoryBound(to: VFSFile.self)
        guard let box = own.pointee.box else { return SQLITE_OK }
        own.pointee.box = nil
        switch box.takeUnretainedValue().file {
        case .main(let main): main.close()
        case .wal(let wal): wal.close()
        }
        box.release()
        return SQLITE_OK
    }

    private static func read(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ out: UnsafeMutableRawPointer?, _ count: Int32, _ offset: Int64
    ) -> Int32 {
        guard let box = box(file), let out, count >= 0, offset >= 0 else { return SQLiteCode.ioErrorRead }
        let buffer = UnsafeMutableRawBufferPointer(start: out, count: Int(count))
        do throws(FileError) {
            switch box.file {
            case .main(let main):
                switch try main.read(into: buffer, at: offset) {
                case .whole: return SQLITE_OK
                case .short: return SQLiteCode.ioErrorShortRead
                case .damaged(let fault): box.vfs.fault = fault
                }
            case .wal(let wal):
                switch try wal.read(into: buffer, at: offset) {
                case .whole: return SQLITE_OK
                case .short: return SQLiteCode.ioErrorShortRead
                case .damaged(let fault): box.vfs.fault = fault
                }
            }
            return SQLiteCode.ioErrorRead
        } catch {
            return box.vfs.note(error, code: SQLiteCode.ioErrorRead)
        }
    }

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: Int64
    ) -> Int32 {
        guard let box = box(file), let bytes, count >= 0, offset >= 0 else { return SQLiteCode.ioErrorWrite }
        return change(box, code: SQLiteCode.ioErrorWrite) { () throws(FileWriteFailure) in
            let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(count))
            switch box.file {
            case .main(let main): try main.write(buffer, at: offset)
            case .wal(let wal):
                do throws(FileWriteFailure) {
                    try wal.write(buffer, at: offset)
                } catch {
                    wal.forgetPending()
                    throw error
                }
            }
        }
    }

    private static func truncate(_ file: UnsafeMutablePointer<sqlite3_file>?, _ size: Int64) -> Int32 {
        guard let box = box(file), case .main(let main) = box.file else { return SQLiteCode.ioErrorTruncate }
        return change(box, code: SQLiteCode.ioErrorTruncate) { () throws(FileWriteFailure) in
            do throws(FileError) { try main.truncate(to: size) } catch { throw .file(error) }
        }
    }

    private static func sync(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard let box = box(file) else { return SQLiteCode.ioErrorSync }
        // After a failed sync the system may have dropped what it could not write, and a second one would succeed.
        return change(box, code: SQLiteCode.ioErrorSync) { () throws(FileWriteFailure) in
            do throws(FileError) {
                switch box.file {
                case .main(let main): try main.sync()
                case .wal(let wal): try wal.sync()
                }
            } catch { throw .file(error) }
        }
    }

    /// Runs what changes a file, unless an earlier failure forbids it.
    private static func change(
        _ box: OpenFileBox, code: Int32, _ body: () throws(FileWriteFailure) -> Void
    ) -> Int32 {
        guard !box.vfs.isPoisoned else { return code }
        do throws(FileWriteFailure) {
            try body()
            return SQLITE_OK
        } catch {
            return box.vfs.note(error, code: code)
        }
    }

    private static func fileSize(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ out: UnsafeMutablePointer<Int64>?
    ) -> Int32 {
        guard let box = box(file) else { return SQLiteCode.ioErrorSize }
        do throws(FileError) {
            switch box.file {
            case .main(let main): out?.pointee = try main.size()
            case .wal(let wal): out?.pointee = wal.logicalSize
            }
            return SQLITE_OK
        } catch {
            return box.vfs.note(error, code: SQLiteCode.ioErrorSize)
        }
    }

    private static func fileControl(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ operation: Int32, _ argument: UnsafeMutableRawPointer?
    ) -> Int32 {
        switch operation {
        case SQLITE_FCNTL_PERSIST_WAL:
            // The WAL stays when the store is closed, so that a missing one is always an alarm.
            argument?.assumingMemoryBound(to: Int32.self).pointee = 1
            return SQLITE_OK
        default: return SQLITE_NOTFOUND
        }
    }
}
