#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Wakes a thread that waits in poll(2): a pipe, so that no call is lost, whenever it comes.
///
/// (`avahi_simple_poll_wakeup` loses those that come before the thread has begun to wait.)
final class WakeUp: Sendable {
    /// To poll; -1 where the system gave no pipe.
    let descriptor: Int32
    private let end: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            (descriptor, end) = (-1, -1)
            return
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (descriptor, end) = (ends[0], ends[1])
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if end >= 0 { close(end) }
    }

    func wake() {
        var byte: UInt8 = 1
        // A pipe that is full wakes as well.
        _ = write(end, &byte, 1)
    }

    /// Takes back all calls so far.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 64)
        while descriptor >= 0, read(descriptor, &buffer, buffer.count) > 0 {}
    }
}
