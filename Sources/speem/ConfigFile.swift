import SpeemStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that was not there before, for this user's eyes only.
struct NewFile {
    private let path: String
    private let descriptor: Int32

    /// - Throws: ``Failure`` where something has this name already.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST {
                throw Failure("\(path) is there already, and is not overwritten", hint: "name another with --output")
            }
            throw Failure("cannot create \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Writes all of it, to the disk, and closes the file.
    func write(_ text: String) throws {
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
                #elseif canImport(Musl)
                    Musl.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
                #else
                    Darwin.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
                #endif
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure("cannot write \(path): \(String(cString: strerror(errno)))") }
            done += count
        }
        guard fsync(descriptor) == 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Takes it back.
    func remove() { unlink(path) }
}

/// Writes a first configuration.
enum ConfigFile {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A TOML basic string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Makes the file and its folder; never replaces one.
    static func write(_ text: String, to path: String) throws {
        let disk = PosixFileSystem()
        do {
            if let slash = path.lastIndex(of: "/") { try disk.makeFolder(String(path[..<slash])) }
            let file = try disk.open(path, create: true)
            defer { file.close() }
            try Array(text.utf8).withUnsafeBytes { try file.write($0, at: 0) }
            try file.sync()
        } catch let error as FileError {
            throw Failure("cannot \(error.operation) \(error.path): \(String(cString: strerror(error.code)))")
        }
    }
}
