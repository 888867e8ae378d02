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
}
