import Synchronization

/// A set that tasks share.
final class SharedSet<Element: Hashable & Sendable>: Sendable {
    private let elements = Mutex<Set<Element>>([])

    func contains(_ element: Element) -> Bool { elements.withLock { $0.contains(element) } }

    /// Whether it was not in it before.
    @discardableResult
    func insert(_ element: Element) -> Bool { elements.withLock { $0.insert(element).inserted } }

    func remove(_ element: Element) { elements.withLock { _ = $0.remove(element) } }
}
