#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of metrics that node_exporter's textfile collector reads.
struct MetricsFile {
    let path: String

    /// Why it was not written.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Puts a new one in the place of the old, so that a reader sees one of them whole. It is not synced: after a power cut
    /// the next minute brings it anew, and a card wears less.
    func write(_ text: String) throws(Failure) {
        let temporary = path + ".new"
        // Whatever lies there is not followed, and not written into.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("make", temporary) }
        // Readable by others, whatever the service's umask is: the collector is another user.
        _ = fchmod(descriptor, 0o644)
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Self.put(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = failure("write", temporary)
                close(descriptor)
                unlink(temporary)
                throw failure
            }
            done += count
        }
        close(descriptor)
        guard rename(temporary, path) == 0 else {
            let failure = failure("put into its place", temporary)
            unlink(temporary)
            throw failure
        }
    }

    private func failure(_ operation: String, _ path: String) -> Failure {
        Failure(description: "cannot \(operation) \(path): \(String(cString: strerror(errno)))")
    }

    private static let put = write(_:_:_:)
}
