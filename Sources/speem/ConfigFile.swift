import SpeemStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

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
