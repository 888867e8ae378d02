#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The service manager that has started this process and wants to hear how it is doing: the protocol of sd_notify(3), spoken
/// without its library.
public struct ServiceManager: Sendable, Equatable {
    /// What it is told.
    public enum News: Sendable, Equatable {
        /// The service can be used.
        case ready
        /// It is about to end.
        case stopping
        /// It has loaded its configuration again. `monotonic`: microseconds of the steady clock when it began to.
        case reloading(monotonic: UInt64)
        /// It is alive.
        case alive
        /// In a person's words, one line.
        case status(String)

        var line: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .reloading(let monotonic): "RELOADING=1\nMONOTONIC_USEC=\(monotonic)"
            case .alive: "WATCHDOG=1"
            case .status(let words): "STATUS=\(words.replacing(where: \.isNewline))"
            }
        }
    }

    /// A path, or a name in the abstract namespace behind "@".
    let socket: String
    /// How often it must hear that this process is alive, at the latest: half of the time after which it would end it.
    public let watchdog: Duration?

    /// - Parameters:
    ///   - environment: the value of a variable.
    ///   - process: the id of this process: a watchdog may be meant for another one.
    /// - Returns: nil where nobody listens.
    public init?(environment: (String) -> String?, process: Int32) {
        guard let socket = environment("NOTIFY_SOCKET"), socket.utf8.count > 1,
            socket.utf8.count <= Self.maxPath, socket.hasPrefix("/") || socket.hasPrefix("@")
        else { return nil }
        self.socket = socket
        let isOurs = environment("WATCHDOG_PID").map { Int32($0) == process } ?? true
        watchdog =
            isOurs
            ? environment("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap { $0 > 0 ? .microseconds($0 / 2) : nil } : nil
    }

    /// Of this process.
    public static var current: ServiceManager? {
        ServiceManager(environment: { name in getenv(name).map { String(cString: $0) } }, process: getpid())
    }

    /// The steady clock as it is told when a reload begins, in microseconds.
    public static var monotonicMicroseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(max(now.tv_sec, 0)) * 1_000_000 + UInt64(max(now.tv_nsec, 0)) / 1000
    }

    private static let maxPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Tells it; in vain where it is gone, which is no reason to stop.
    ///
    /// - Returns: whether it was sent.
    @discardableResult
    public func tell(_ news: News...) -> Bool {
        #if os(Linux)
            let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #else
            let type = SOCK_DGRAM
        #endif
        let descriptor = Self.makeSocket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socket.utf8)
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        // The length counts: a name in the abstract namespace has no end of its own.
        let length = socklen_t(offset + path.count)
        let text = Array(news.map(\.line).joined(separator: "\n").utf8)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                sendto(descriptor, text, text.count, Self.flags, pointer, length) == text.count
            }
        }
    }

    private static let makeSocket = socket(_:_:_:)
    #if os(Linux)
        private static let flags = Int32(MSG_NOSIGNAL)
    #else
        private static let flags: Int32 = 0
    #endif
}

extension String {
    fileprivate func replacing(where isUnwanted: (Character) -> Bool) -> String {
        String(map { isUnwanted($0) ? " " : $0 })
    }
}
