import Synchronization

/// A set of contacts that tasks share.
final class ContactSet: Sendable {
    private let contacts = Mutex<Set<Int64>>([])

    func contains(_ contact: Int64) -> Bool { contacts.withLock { $0.contains(contact) } }

    /// Whether it was not in it before.
    @discardableResult
    func insert(_ contact: Int64) -> Bool { contacts.withLock { $0.insert(contact).inserted } }

    func remove(_ contact: Int64) { contacts.withLock { _ = $0.remove(contact) } }
}
