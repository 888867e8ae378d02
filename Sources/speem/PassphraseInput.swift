import SpeemCrypto
import SpeemStore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where passphrases come from: the terminal, without echo, or the first line of a file. Never the command line or the
/// environment, which others can read.
enum PassphraseInput {
    /// `--passphrase-file` of the command that runs: every command that opens a store may need it.
    static let file = Mutex<String?>(nil)

    /// The passphrase that the store has.
    static func current() throws -> Passphrase {
        let file = file.withLock { $0 }
        guard let file else { return try ask("passphrase: ", option: "--passphrase-file") }
        return try read(file, option: "--passphrase-file")
    }

    /// A passphrase that it is to have; at the terminal it is typed twice.
    static func new(file: String?) throws -> Passphrase {
        if let file { return try read(file, option: "--new-passphrase-file") }
        let first = try ask("new passphrase: ", option: "--new-passphrase-file")
        guard try ask("the same again: ", option: "--new-passphrase-file") == first else {
            throw Failure("the two are not the same", hint: "nothing was changed; try again")
        }
        return first
    }

    /// The passphrase of a node, typed on a device, whose own store may have another.
    static func nodes(file: String?) throws -> Passphrase {
        let option = "--node-passphrase-file"
        guard let file else { return try ask("passphrase of the node: ", option: option) }
        return try read(file, option: option)
    }

    /// A line of standard input; what is behind it is not taken.
    static func answer() -> String {
        line(from: STDIN_FILENO).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Files

    private static func read(_ path: String, option: String) throws -> Passphrase {
        guard path != "-" else { return try passphrase(line(from: STDIN_FILENO)) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure("cannot open \(path): \(String(cString: strerror(errno)))", hint: "\(option) names it")
        }
        defer { close(descriptor) }
        return try passphrase(line(from: descriptor))
    }

    private static func passphrase(_ line: SecretBytes) throws -> Passphrase {
        do throws(Passphrase.Refusal) {
            return try Passphrase(line)
        } catch {
            throw Failure("\(error)", hint: "one line of 1 to \(Passphrase.maximumLength) bytes of UTF-8")
        }
    }

    /// What Ctrl-C gives while it ends a line (``withoutEcho(_:_:)``).
    private static let interrupt: UInt8 = 3

    /// The next line without its end, byte by byte, so that nothing of the next one is taken.
    private static func line(from descriptor: Int32) -> SecretBytes {
        var count = 0
        // One byte more than allowed shows that there are too many; one more is for a carriage return.
        let buffer = SecretBytes(count: Passphrase.maximumLength + 2) { out in
            var byte: UInt8 = 0
            while true {
                let result = Self.readByte(descriptor, &byte)
                if result < 0, errno == EINTR { continue }
                guard result == 1, byte != UInt8(ascii: "\n") else { break }
                if count < out.count { out[count] = byte }
                count = min(count + 1, out.count)
                if byte == interrupt { break }
            }
            byte = 0
            if count > 0, out[count - 1] == UInt8(ascii: "\r") { count -= 1 }
        }
        return buffer.slice(0..<count)
    }

    private static func readByte(_ descriptor: Int32, _ byte: UnsafeMutablePointer<UInt8>) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, byte, 1)
        #elseif canImport(Musl)
            Musl.read(descriptor, byte, 1)
        #else
            Darwin.read(descriptor, byte, 1)
        #endif
    }

    // MARK: The terminal

    private static func ask(_ question: String, option: String) throws -> Passphrase {
        // Not standard input, which may be a message.
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else {
            throw Failure(
                "there is no terminal to ask for the passphrase at",
                hint: "\(option) FILE reads it from a file, and \(option) - from standard input")
        }
        defer { close(terminal) }
        let typed = try withoutEcho(terminal) {
            Output.note(question, to: terminal)
            return line(from: terminal)
        }
        Output.note("\n", to: terminal)
        let isInterrupted = typed.withUnsafeBytes { $0.last == interrupt }
        if isInterrupted { exit(130) }
        return try passphrase(typed)
    }

    /// Ctrl-C ends the line instead of the program, which would leave the terminal without echo.
    private static func withoutEcho<T>(_ terminal: Int32, _ body: () -> T) throws -> T {
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else {
            throw Failure("the terminal cannot be asked: \(String(cString: strerror(errno)))")
        }
        var quiet = settings
        quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
        withUnsafeMutableBytes(of: &quiet.c_cc) { $0[Int(VEOL)] = interrupt }
        guard tcsetattr(terminal, TCSAFLUSH, &quiet) == 0 else {
            throw Failure("the terminal cannot be made silent: \(String(cString: strerror(errno)))")
        }
        defer { tcsetattr(terminal, TCSAFLUSH, &settings) }
        return body()
    }
}
