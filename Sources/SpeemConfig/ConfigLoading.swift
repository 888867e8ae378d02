#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Config {
    /// Bytes in a config file at the most. A larger one is refused before it is read.
    public static let maximumFileSize = 64 * 1024

    /// Reads and checks the file at `file`.
    ///
    /// - Parameters:
    ///   - file: A path; a relative one begins at the current folder.
    ///   - home: What `~/` stands for, usually the environment's `HOME`.
    /// - Throws: ``ConfigError`` for a file that cannot be read, and as ``parse(_:file:home:)``.
    public static func load(file: String, home: String?) throws(ConfigError) -> Config {
        do {
            let bytes = try ConfigFile.read(file)
            let path = try ConfigFile.absolute(file)
            var config = try read(bytes, file: path, home: home)
            config.file = path
            return config
        } catch {
            throw error.inFile(file)
        }
    }

    /// Checks the bytes of a config file. Touches no disk: whether a path exists is not looked at.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 text, at most ``maximumFileSize``.
    ///   - file: The path for errors; relative paths in the file begin at its folder.
    ///   - home: What `~/` stands for.
    /// - Throws: ``ConfigError`` for the first mistake.
    public static func parse(_ bytes: [UInt8], file: String, home: String?) throws(ConfigError) -> Config {
        do {
            return try read(bytes, file: file, home: home)
        } catch {
            throw error.inFile(file)
        }
    }

    private static func read(_ bytes: [UInt8], file: String, home: String?) throws(Fault) -> Config {
        guard bytes.count <= maximumFileSize else { throw ConfigFile.tooLarge }
        let document = try TOMLParser.parse(ConfigText(decoding: bytes))
        let paths = ConfigPaths(folder: ConfigPaths.folder(of: file), home: home)
        return try ConfigReader(document: document, file: file, paths: paths).read()
    }
}

/// The one place that touches the disk.
enum ConfigFile {
    static var tooLarge: Fault {
        Fault(
            .tooLarge, at: nil, "the file is larger than \(Config.maximumFileSize / 1024) KiB",
            hint: "is this the right file? 'speem config example' prints a complete one of 2 KiB")
    }

    /// The whole file, and never more than one byte over the limit, whatever is at `path`.
    static func read(_ path: String) throws(Fault) -> [UInt8] {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw Fault(.unreadable, at: nil, "the path of the config file is empty or holds a NUL byte")
        }
        // Without O_NONBLOCK a pipe that nobody writes to would never open.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw unreadable(EISDIR) }
        guard status.st_size <= Config.maximumFileSize else { throw tooLarge }
        // A pipe that a shell made, `--config <(...)`, may take its time.
        _ = fcntl(descriptor, F_SETFL, 0)

        let limit = Config.maximumFileSize + 1
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            let part = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                #if canImport(Glibc)
                    return Glibc.read(descriptor, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                    return Musl.read(descriptor, rest.baseAddress, rest.count)
                #else
                    return Darwin.read(descriptor, rest.baseAddress, rest.count)
                #endif
            }
            if part == 0 { break }
            if part > 0 {
                count += part
            } else if errno != EINTR {
                throw unreadable(errno)
            }
        }
        guard count < limit else { throw tooLarge }
        return Array(bytes[..<count])
    }

    static func absolute(_ path: String) throws(Fault) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let folder = getcwd(nil, 0) else {
            throw Fault(
                .unreadable, at: nil, "the current folder cannot be named (error \(errno))",
                hint: "give the file's whole path")
        }
        defer { free(folder) }
        return ConfigPaths.join(String(cString: folder), path)
    }

    private static func unreadable(_ code: Int32) -> Fault {
        let (reason, hint): (String, String) =
            switch code {
            case ENOENT: ("there is no such file", "'speem config example' prints one to begin with")
            case ENOTDIR: ("a part of the path is not a folder", "check the path")
            case EISDIR: ("it is a folder, not a file", "give the path of the file, such as speem.toml")
            case EACCES, EPERM: ("permission denied", "it must be readable by the user that runs speem")
            case ELOOP: ("too many symbolic links", "check the path")
            case ENAMETOOLONG: ("the path is too long", "check the path")
            default: ("it cannot be read (error \(code))", "check the path and the disk")
            }
        return Fault(.unreadable, at: nil, reason, hint: hint)
    }
}
