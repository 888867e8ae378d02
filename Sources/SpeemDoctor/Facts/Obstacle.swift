#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a fact cannot be had.
struct Obstacle: Error, Sendable, Equatable {
    let words: String

    init(_ words: String) { self.words = words }

    /// The system's words for the error of a call that has just failed.
    static func system(_ doing: String, _ path: String, code: Int32 = errno) -> Obstacle {
        Obstacle("cannot \(doing) \(path): \(String(cString: strerror(code)).lowercased())")
    }
}
