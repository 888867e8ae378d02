import CStaticShims
import SpeemTransport

/// How many files the process may open: each connection is one.
enum FileLimit {
    /// The store, the event loop, a config file and the standard streams, generously.
    static let others = 64

    /// Raises the limit as far as the system lets a process do it for itself.
    ///
    /// - Throws: ``NodeError/tooFewFiles(needed:allowed:)`` when `sockets` do not fit even so.
    static func raise(for sockets: Int) throws(NodeError) { try check(sockets, allowed: Int(speem_raise_file_limit())) }

    static func check(_ sockets: Int, allowed: Int) throws(NodeError) {
        let needed = sockets + ControlLimits.connections + others
        guard needed <= allowed else { throw .tooFewFiles(needed: needed, allowed: allowed) }
    }
}
