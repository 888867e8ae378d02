#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What is read of the system's own files.
enum SmallFile {
    /// The beginning of a file; nil where it cannot be read.
    static func text(_ path: String) -> String? { fopen(path, "re").map { text($0, close: { fclose($0) }) } }

    /// What a command prints; nil where it cannot be run, or fails.
    ///
    /// - Parameter command: for the shell: never anything from outside.
    static func output(of command: String) -> String? {
        guard let stream = popen(command, "r") else { return nil }
        var status: Int32 = -1
        let output = text(stream, close: { status = pclose($0) })
        return status == 0 ? output : nil
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    #if canImport(Musl)
        private typealias Stream = OpaquePointer
    #else
        private typealias Stream = UnsafeMutablePointer<FILE>
    #endif

    private static func text(_ stream: Stream, close: (Stream) -> Void) -> String {
        defer { close(stream) }
        var bytes = [UInt8](repeating: 0, count: 262_144)
        let count = fread(&bytes, 1, bytes.count, stream)
        // A command that is not listened to any more would fail.
        var rest = [UInt8](repeating: 0, count: 4096)
        while count == bytes.count, fread(&rest, 1, rest.count, stream) > 0 {}
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
