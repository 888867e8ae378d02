import SpeemTransport
import Testing

@testable import SpeemDevice

struct ControlMethodsTests {
    /// The list that a node answers with a hint is that of the methods that a device has.
    @Test func aDeviceHasEveryMethodOfTheList() async throws {
        let device = try await TestDevice("alice")
        for method in ControlMethods.device {
            // Following goes on until its caller goes: the task is cancelled before it begins.
            let call = Task { try await device.call(method) }
            if method == "follow" { call.cancel() }
            do {
                try await call.value
            } catch let error as ControlError {
                #expect(error.code != ControlError.methodNotFound("").code, "\(method)")
            }
        }
        await #expect(throws: ControlError.methodNotFound("export")) { try await device.call("export") }
    }

    /// Where it listens is a daemon's to say; without one that is not known.
    @Test func onlyADaemonSaysWhereItListens() async throws {
        let device = try await TestDevice("alice")
        #expect(try await device.call("status")["listening"] == nil)
        let status = try await device.open { device in
            try await DeviceControl(device: device, isDaemon: true, listening: ["[::]:4405"]).call(
                "status", .null, session: ControlSession { _, _ in })
        }
        #expect(status["listening"] == .array([.string("[::]:4405")]))
    }
}
