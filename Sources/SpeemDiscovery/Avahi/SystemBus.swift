import CAvahi

/// The D-Bus system bus, over which avahi-daemon is reached.
public enum SystemBus {
    /// Why this process cannot talk to it, in libdbus's words; nil when it can.
    ///
    /// Blocks for as long as D-Bus takes to answer.
    public static func problem() -> String? {
        var error = DBusError()
        dbus_error_init(&error)
        defer { dbus_error_free(&error) }
        // A connection of its own: the shared one may not be closed.
        guard let connection = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error) else {
            return error.message.map { String(cString: $0).lowercased() } ?? "it does not answer"
        }
        dbus_connection_set_exit_on_disconnect(connection, 0)
        dbus_connection_close(connection)
        dbus_connection_unref(connection)
        return nil
    }
}
