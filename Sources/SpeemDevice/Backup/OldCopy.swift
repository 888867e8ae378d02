import Logging
import SpeemStore

/// A device that was restored from a backup elsewhere, and still runs here: once a node has said so it stops for good.
enum OldCopy {
    static func isKnown(in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM device WHERE old_copy = 1") { row throws(StoreError) in
            try row.integer(0)
        } != nil
    }

    static func set(in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE device SET old_copy = 1")
    }

    /// An own node has said so.
    static func found(state: DeviceState) async {
        state.logger.critical("\(DeviceError.oldCopy)")
        do {
            try await state.store.write(grows: false) { try set(in: $0) }
        } catch {
            // Then the node says it again.
            state.logger.error("it could not be written down: \(error)")
        }
    }
}
