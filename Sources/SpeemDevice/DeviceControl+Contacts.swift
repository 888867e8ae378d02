import SpeemStore
import SpeemTransport

/// Contacts that the person does not want any more.
extension DeviceControl {
    func removeContact(_ parameters: JSON) async throws -> JSON {
        let contact = try await contact(parameters)
        let removal = ContactRemoval(state: device.state)
        try await device.state.store.write { try removal.remove(contact, in: $0) }
        await othersAreLetIn()
        return .object(["contact": .string(contact.name)])
    }

    func blockContact(_ parameters: JSON) async throws -> JSON {
        let contact = try await contact(parameters)
        let isBlocked = parameters["blocked"]?.boolValue ?? true
        let removal = ContactRemoval(state: device.state)
        try await device.state.store.write { try removal.block(contact, isBlocked, in: $0) }
        await othersAreLetIn()
        return .object(["contact": .string(contact.name), "blocked": .bool(isBlocked)])
    }

    /// Own nodes and devices are told, here and where no daemon does it later.
    private func othersAreLetIn() async {
        device.neighboursChanged.notify()
        device.visitIsDue.notify()
        await device.carryWithdrawals()
        await settle()
    }
}
